// Package boot opens what a node has on its disk and starts the node from it, in production
// and in the simulation alike. It decides what to do about damage: a log or an engine that lost
// what had been durable is set aside, whole and unchanged, and the node rejoins its group
// under a new replica id, since what it promised under the old one is not known any more
// (DESIGN §4; docs/operations.md, "A damaged node").
//
// Contract:
//
//	BOOT-1  A node whose log or engine is damaged starts without any replica. It votes and
//	        acknowledges nothing until its group has replaced the old replica and sent a new one. The mark stays until
//	        its log knows of a replica, so that a founder does not begin its cluster once more.
//	BOOT-2  Nothing that was on the disk is deleted or changed, but that a sound log beside a damaged
//	        engine gets its closing mark: it is in damaged-N afterwards.
//	BOOT-3  A missing or empty log is damage only where there was one; whether there was,
//	        Options.Start says.
//	        It is refused before another log is created in its place (wal.Options.MustExist).
//	BOOT-4  An input or output error, or data of another node, is an error and changes nothing.
//	BOOT-5  From a loss until the node has rejoined, only the log that was begun after it is opened:
//	        any other, such as an old copy, may have forgotten what the node promised since.
package boot
