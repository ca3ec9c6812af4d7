// Package client is the Go client of Holdfast.
//
//	c, err := client.Dial(ctx, client.Config{Endpoints: []string{"127.0.0.1:7001"}})
//	...
//	defer c.Close()
//	res, err := c.Put(ctx, []byte("user1"), []byte("john"))
//
// All decisions (where a request goes, what may be sent again, sessions, how an
// operation ended) are those of kv/client/core. This package only carries them out:
// one goroutine owns the core and takes events from a mailbox, a whole batch at a time;
// each endpoint has one bidirectional stream with a goroutine that sends all
// that is queued as one message and one that receives.
//
// Every operation ends in one of three ways: err is nil; or err is an *Error
// whose Outcome is Failed, which means certainly not applied; or its Outcome is
// Unknown (errors.Is(err, ErrOutcomeUnknown)): applied once or not at all,
// possibly later. A condition that did not hold is no error: Result.ConditionFailed.
//
// A cluster may be sharded: the client asks the nodes for their routing table, sends each key to its
// partition, and follows partitions that move. Within a partition everything is as in a cluster of
// one group. Over partitions nothing is atomic:
//
//   - Batch is refused if its keys are of several partitions;
//   - MultiGet and MultiPut take any keys, and each item ends for itself, linearizable and, for
//     writes, at most once; all of them together are neither one moment nor all or nothing;
//   - Scan returns each key that exists throughout exactly once; each page is one linearizable read,
//     the whole is no snapshot.
//
// Connections are plain text and not authenticated: use them on trusted networks only.
//
// Contract, by number:
//
//	CLNT-1  A Client is safe for concurrent use. Operations of one client that overlap may
//	        take effect in any order.
//	CLNT-2  Keys and values given to a method are copied before it waits; those of a
//	        Result belong to the caller.
//	CLNT-3  A cancelled context ends an operation at once, with the outcome that is
//	        true at that time.
//	CLNT-4  Close completes all operations, truthfully, and leaves no goroutine.
//	CLNT-5  Queues are bounded: the mailbox and each endpoint's queue by the operations
//	        that Config allows; beyond that operations fail at once (ErrOverloaded).
//	CLNT-6  A request is handed to a stream at most once. One that was queued when the
//	        stream broke is known not to have been sent.
//	CLNT-7  There are at most MaxEndpoints connections. Those to nodes that were not configured end
//	        when the nodes were not used for EndpointIdle (in a sharded cluster); after the loop hears
//	        of the end, nothing more comes from that connection, and its number may be used again.
package client
