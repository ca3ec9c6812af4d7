// Package core is the part of the client that decides: where a request goes,
// whether it may be sent again, which session and number it carries, and how an
// operation ended. It is single-threaded and deterministic: time is an argument,
// randomness comes from a seed, and what is to be sent is a value for the shell
// (kv/client, or a simulated client) to carry out.
//
// # Contract
//
// The shell calls one method at a time and then takes Output: requests to send,
// completed operations, endpoints to dial and to hang up. It calls Tick at or after
// Deadline. It promises of every endpoint's link:
//
//   - a request is delivered at most once while the link lives (a gRPC stream does so);
//     an answer may be lost, late, repeated and out of order;
//   - Disconnected is called when the link broke: then each request given to
//     it either was not sent (and is named) or may have been executed;
//   - Closed is called when the link was hung up, and after it nothing comes from that link.
//
// Keys and values belong to the core from Submit on and must not be changed,
// not even after the completion, since a copy of the request may wait for sending.
// What a Completion holds belongs to the caller.
//
// Servers promise that a code other than OK, CONDITION_FAILED and
// OUTCOME_UNKNOWN means: this copy of the request changed nothing and never will. They promise
// of their routing tables that seed and number of partitions never change in a cluster's life, that
// the version grows with each change and each partition's epoch with each move, and that a node that has
// no table yet refuses to answer (UNAVAILABLE) instead of calling the cluster unsharded.
//
// # Groups
//
// A cluster is one Raft group, or it is sharded into partitions, each of them a group. What goes on with
// one group is a lane of its own (type group): leader, session, operations that wait for these.
// Endpoints and the bounds on operations are shared by all. Config.Sharded makes the core ask which it is; a
// core without it knows one group, Config.Partition, and never asks.
//
// Whom an operation is sent to, the first that can be: who answered as leader of its group; whom a
// refusal named; whom the routing table names; the replicas in the table, in turn; anybody, who may know
// more. A stale or follower read goes to the replicas in turn.
//
// # How an operation ends
//
// An attempt is *settled* when a definite negative answer to it arrived or it was
// never sent; until then it may be in effect. An operation is
//
//   - OK when any of its attempts was answered OK or CONDITION_FAILED;
//   - Failed when it gives up and all attempts are settled, or it only reads;
//   - Unknown when it gives up and an attempt is not settled.
//
// It gives up at its deadline, by Cancel or Close, when a server calls it invalid,
// and when it may not be sent again (CORE-6).
//
// A MultiGet or MultiPut is split into parts that end so, each for itself; see CORE-14.
//
// A Scan is one page: one read of one partition at one index of its log, linearizable unless Stale. The pages of a
// scan together are no snapshot, and their keys ascend within a partition only; what they promise is CORE-17.
//
// # Invariants
//
// "The session" and "the leader" are those of the operation's group.
//
//	CORE-1  Each Submit yields exactly one Completion.
//	CORE-2  Request ids are never reused, in whatever group; each attempt has its own.
//	CORE-3  All attempts of a write carry the same session and number, unless all
//	        earlier ones are settled and that session is gone (SESS-13).
//	CORE-4  acked is below the number of every open operation of the session; a number
//	        at or below it is never sent again.
//	CORE-5  A number is at most acked + SessionWindow.
//	CORE-6  A write is sent again only if it has a session that lives, or all its
//	        attempts are settled.
//	CORE-7  Failed is never said while an attempt of a write is not settled (SESS-14).
//	CORE-8  Bounded, over all groups together: at most MaxOutstanding operations are active,
//	        where parts count and not what they are parts of, MaxQueued wait, an
//	        operation remembers at most maxOld earlier attempts (it counts the rest),
//	        and there are at most MaxEndpoints endpoints.
//	CORE-9  The same calls give the same outputs.
//	CORE-10 A read with Op.Follower goes to the endpoints in turn, in a sharded cluster to those of
//	        the partition's replicas; one that refused such a
//	        read, or is silent, is left out for a while. It is never sent as a stale read,
//	        and its answer is no evidence of who leads.
//	CORE-11 An operation is sent to no group but that of its key (hashing.Partition). A batch whose
//	        keys are of several is refused before anything of it is sent.
//	CORE-12 A Sharded core sends nothing but the question for the routing table before it has one, and asks
//	        only if an operation wants it. Then it asks again when a refusal told of a higher
//	        version (at most every RetryBackoffMax), and while operations do not get on (at most every four
//	        AttemptTimeouts). At most one question is under way.
//	CORE-13 The table never gets older: one of a lower version is ignored, and so is the place of a
//	        partition whose epoch is lower. A table with another seed or number of partitions is of
//	        another cluster: everything ends with ReasonWrongCluster, now and later.
//	CORE-14 Each item of a MultiGet or MultiPut ends once, with the outcome of the one part that carried it.
//	        The whole is OK if all items are, Failed if all of a MultiPut or some of a MultiGet are,
//	        else Unknown. No part is larger than a node takes.
//	CORE-15 There are sessions only in groups that were written to. In a sharded cluster keep-alives are
//	        spread over the last quarter of KeepAlive, and a session that was kept alive
//	        idleKeepAlives times without a write, and has no open number, is closed.
//	CORE-16 What the table or a hint of a sharded cluster named is dialled when an operation needs it, and
//	        hung up when nothing was sent there for EndpointIdle and nothing is in flight there, or, once
//	        it was not used for AttemptTimeout, to make room for another. What was configured stays.
//	        The number of an endpoint that was hung up is used again after Closed only.
//	CORE-17 The pages of a scan return each key that exists throughout exactly once, and no key
//	        twice: partition after partition, each page strictly above the one before. An answer that
//	        would break this is an error. A cursor of another cluster or prefix is refused. (Stale pages may
//	        be of replicas that lag: there "exists" means at the replica that is read.)
package core
