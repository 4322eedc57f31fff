"""Every attribute spelling, to canonical values. Runs once, when spans are stored; nothing later reads a raw one."""
