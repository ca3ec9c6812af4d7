// Package grpcio is the shell between a Holdfast node and the network: the
// transport between nodes (Peers, env.Transport over the Peer service), the
// client service (KV), the operators' service (Cluster), health and metrics. It
// carries messages in and effects out; it decides nothing about the store.
//
// Threads: the node lives on an event loop (Loop). Everything that reaches it
// is posted there, a whole frame or batch at a time, and what it answers is
// collected per stream and handed to the stream's sender once per turn of the loop,
// so that under load one system call carries many messages.
//
// Contract, by number:
//
//	GRPC-1  Peers.Send never blocks. Each channel to each peer has a queue that is bounded
//	        in messages and bytes; what does not fit is dropped and counted.
//	GRPC-2  Payloads of one stream arrive in the order they were sent, unaltered, or
//	        not at all. Messages queued for a connection that broke are dropped.
//	GRPC-3  No payload is delivered from a stream whose Hello names another
//	        protocol version, cluster or node; the dialler is told why and comes back
//	        after a long pause. Whether the sender is a member is for consensus to judge:
//	        a node that is not known is heard, and a bounded number of such nodes
//	        can be answered.
//	GRPC-4  A request is answered at most once, and a write that may have reached
//	        the node is never reported as not applied.
//	GRPC-5  A unary call on a node that does not lead is forwarded to the leader
//	        once. If the connection is lost after the request was handed over, a
//	        write's outcome is unknown.
//	GRPC-6  A Stream has a bounded number of requests outstanding; beyond it the
//	        node stops reading from the client, so that flow control reaches it.
//	GRPC-7  Each channel has its own connection: log entries and snapshots, however
//	        large, delay a control message by no more than the share of the link that their
//	        connections have.
//	GRPC-8  SetPeers may be called at any time from any goroutine. A peer whose address does not
//	        change keeps its streams.
package grpcio
