// Package proxy is the network between the processes of a live run: a TCP proxy on loopback in front of each node,
// whose links can be slowed, stalled and cut while they are in use.
//
// All nodes and clients know a node by one address, that of its proxy, as a cluster has one address for each member on
// record. So the address does not tell who connects. The proxy asks the system instead: Owners looks up which process
// has the other end of the connection (on Linux, in /proc). A link is the direction of dialling: the link from node 1
// to node 2 is all connections that node 1 opened to node 2. Holdfast sends to a peer only on connections that it dialled
// itself, so that there a link is a direction of messages as well, and stalling one is a one-way partition.
//
// What it cannot do: lose, repeat or reorder single messages, since TCP does not; refuse the connection itself (a cut link
// takes a connection and resets it at once, before a byte has passed). Where the system does not tell who connects, all
// links to a node are one, that of Outside.
//
// Contract, by number:
//
//	PROXY-1  Bytes pass unaltered, in order, or the connection breaks, for both ends. Stalled bytes are held, not lost:
//	         they arrive when the stall ends, unless the connection was cut.
//	PROXY-2  A rule counts as having struck only by what it did: bytes that were held or late, connections that were
//	         reset (Effects). What was set is no evidence.
//	PROXY-3  What is held for a connection is bounded (heldChunks); beyond that its sender is no longer read, and feels the
//	         stall as TCP lets it.
//	PROXY-4  Close ends all connections and returns when no goroutine is left.
package proxy
