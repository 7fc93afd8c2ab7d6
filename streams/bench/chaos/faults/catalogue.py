"""Every fault."""

from streams.bench.chaos.faults import links, nodes, processes, servers

CATALOGUE = (*processes.FAULTS, *servers.FAULTS, *links.FAULTS, *nodes.FAULTS)
