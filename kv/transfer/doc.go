// Package transfer is the protocol by which one replica streams its state to another
// that needs entries which the log no longer holds (§7; dissertation §5): a Sender, a
// Receiver, and the wire form of what they say. Both are deterministic state machines
// driven by kv/replica. They know nothing of engines: reading the state, staging it and
// installing it are requests to the shell, at most one at a time on either side.
//
// The receiver says where it stands, as a Position: the number of chunks it has staged and
// the key it has staged last. The sender reads on from there, keeps the chunks that are not
// staged yet, and sends a bounded number of them ahead. A chunk says after which key it
// goes on, so a chunk fits exactly one position of one state. Every message of a
// sender has a number (Chunk.Try), and an answer echoes the highest number that the receiver
// has seen: so the sender tells an old answer from a receiver that really has fallen back.
// A probe is a chunk without data: it asks where the receiver stands. The first message
// of a sender is a probe, and so is what it sends when answers fail to come. The end
// is a message of its own, which is never staged: whoever has staged all data and lost
// its memory is told again that this was all.
//
// Invariants:
//
//	XFER-1   Chunks of two states are never mixed: a chunk is staged only if its whole
//	         Identity and its configuration are those of the reception, its number is the next
//	         one, and its After is the key staged last.
//	XFER-2   The receiver decides where to go on. The sender never reads or sends from a
//	         position other than the newest one it was told, or one that follows from it
//	         (LIVE-04).
//	XFER-3   A reception gives way only to a sender of a newer term, or to a newer state of
//	         the same term; never while it is being installed. A state that the receiver has
//	         already is answered with Done and never staged (SNAP-03).
//	XFER-4   An answer goes to the sender of the chunk that it answers, or to the latest
//	         sender of the reception, with that sender's term and stream; a sender heeds only
//	         answers to itself (SNAP-18).
//	XFER-5   Done is said only after Installed(nil) or SetHave: the state is durable or
//	         covered (SNAP-17).
//	XFER-6   A sender ends: after SilenceTimeout without an answer that it waits for, after
//	         StallTimeout without a new highest position, or when the receiver fell back more
//	         than MaxRestarts times (LIVE-04).
//	XFER-7   Each side holds at most Window×ChunkBytes of data plus one chunk, and a
//	         constant, whatever the peer says.
//	XFER-8   The data sent in any time t, again or for the first time, is at most
//	         BytesPerSecond×t plus the larger of ChunkBytes and one chunk.
//	XFER-9   The shell has at most one read on the sender's side, and at most one
//	         request on the receiver's; a reception that was replaced gets the result of none.
//	XFER-10  Every message has exactly one encoding, and a decoder refuses whatever breaks
//	         a bound before it allocates.
package transfer
