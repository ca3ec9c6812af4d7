// Package datadir holds the rules of a node's data directory that the simulation shares
// with production: setting damaged data aside, the mark that the node has to rejoin its
// group, and the address book. It works on env.FS alone and keeps no state; whose directory
// it is, and who may use it, is kv/osio's business.
//
//	wal/  engine/   the shared log and the state machines' data
//	damaged-N/      what was set aside the Nth time: wal/, engine/ and reason.txt
//	REJOIN          the mark: data was set aside, and the node has no new replica yet
//	PEERS           the address book
//
// Contract, by number:
//
//	DDIR-1  SetAside is durable when it returns: wal and engine are gone from their places,
//	        and the mark is there. Nothing of them is deleted or changed.
//	DDIR-2  A crash at any point of SetAside leaves the directory as before, or with a mark
//	        whose move is not complete (Mark.Moving); SetAside or Resume then completes
//	        the same move under the same number. No crash leaves an empty directory without a mark.
//	DDIR-3  The mark stays until Rejoined: however often the node starts in between, it knows
//	        that its old replicas are not its own any longer (a replica that forgot its log
//	        could vote twice in one term).
//	DDIR-4  A mark that cannot be read counts as one whose move is not complete: what is there is
//	        set aside once more, which costs a transfer and never a promise.
//	DDIR-5  The newest KeptDamaged damaged directories are kept; older ones are deleted.
//	DDIR-6  PEERS and REJOIN carry a version and a checksum and are replaced atomically;
//	        after a crash the old or the new content is there, and the new one once the call
//	        returned. A PEERS that cannot be read is reported and harmless.
package datadir
