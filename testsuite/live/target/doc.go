// Package target is what a live run needs of a store, so that the same attack can be made on any: processes that can be
// killed, paused and started again, a network between them that can be cut, and clients. Holdfast itself is one
// (live.Holdfast); the others show that the attack and the judgement are not made to measure.
//
// Contract of an adapter, by number:
//
//	TARGET-1  An outcome says what is known: Failed only if the operation surely did not and will not take effect; Unknown
//	          whenever it may have.
//	TARGET-2  Kill, Pause and Wipe return without error only if they took effect.
//	TARGET-3  All connections between nodes, and of clients to nodes, go through Net.
package target
