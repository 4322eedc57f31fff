"""One chain as a graph, for everyone who wants to walk it."""

from typing import TYPE_CHECKING

from tracecheck.model import Chain

if TYPE_CHECKING:
    import networkx as nx


def graph(chain: Chain) -> "nx.DiGraph[tuple[str, str]]":
    """The chain as a directed graph from cause to effect.

    A node is a span's key (trace id, span id) with the attribute `span`; a cause in another chain (a batch) is a node
    without it. An edge has `evidence`, `via` and `is_message`, as `model.Edge`. There may be cycles: their chains have
    the finding `cycle`.
    """
    import networkx as nx  # half the start-up time of every command that needs chains but no graph

    built: nx.DiGraph[tuple[str, str]] = nx.DiGraph(chain_id=chain.chain_id)
    built.add_nodes_from((span.key, {"span": span}) for span in chain.spans)
    built.add_edges_from(
        (edge.cause, edge.effect, {"evidence": edge.evidence, "via": edge.via, "is_message": edge.is_message})
        for edge in chain.edges
    )
    return built
