// Package core is the part of the client that decides: where a request goes,
// whether it may be sent again, which session and number it carries, and how an
// operation ended. It is single-threaded and deterministic: time is an argument,
// randomness comes from a seed, and what is to be sent is a value for the shell
// (kv/client, or a simulated client) to carry out.
//
// # Contract
//
// The shell calls one method at a time and then takes Output: requests to send,
// completed operations, endpoints to dial. It calls Tick at or after Deadline.
// It promises of every endpoint's link:
//
//   - a request is delivered at most once while the link lives (a gRPC stream does so);
//     an answer may be lost, late, repeated and out of order;
//   - Disconnected is called when the link broke: then each request given to
//     it either was not sent (and is named) or may have been executed.
//
// Keys and values belong to the core from Submit on and must not be changed,
// not even after the completion, since a copy of the request may wait for sending.
// What a Completion holds belongs to the caller.
//
// Servers promise that a code other than OK, CONDITION_FAILED and
// OUTCOME_UNKNOWN means: this copy of the request changed nothing and never will.
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
// # Invariants
//
//	CORE-1  Each Submit yields exactly one Completion.
//	CORE-2  Request ids are never reused; each attempt has its own.
//	CORE-3  All attempts of a write carry the same session and number, unless all
//	        earlier ones are settled and that session is gone (SESS-13).
//	CORE-4  acked is below the number of every open operation of the session; a number
//	        at or below it is never sent again.
//	CORE-5  A number is at most acked + SessionWindow.
//	CORE-6  A write is sent again only if it has a session that lives, or all its
//	        attempts are settled.
//	CORE-7  Failed is never said while an attempt of a write is not settled (SESS-14).
//	CORE-8  Bounded: at most MaxOutstanding operations are active, MaxQueued wait, an
//	        operation remembers at most maxOld earlier attempts (it counts the rest),
//	        and there are at most MaxEndpoints endpoints.
//	CORE-9  The same calls give the same outputs.
//	CORE-10 A read with Op.Follower goes to the endpoints in turn; one that refused such a
//	        read, or is silent, is left out for a while. It is never sent as a stale read,
//	        and its answer is no evidence of who leads.
package core
