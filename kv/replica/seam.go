package replica

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/raft"
)

// Drop says why a write or read ended without a result.
type Drop uint8

const (
	// NotLeader: not applied; another replica may lead.
	NotLeader Drop = iota + 1
	// Overloaded: not applied; a bound was reached.
	Overloaded
	// Unknown: the write was appended and may still be applied.
	Unknown
	// Stopped: not applied; the replica has stopped.
	Stopped
)

// Writer waits for one write.
type Writer interface {
	// Written ends the wait with the state machine's result.
	Written(res *machine.Result)
	// WriteDropped ends the wait without one.
	WriteDropped(why Drop)
}

// Reader waits for one read.
type Reader interface {
	// Read performs the read on the state machine, off the loop, and keeps what it finds.
	Read(m *machine.Machine)
	// ReadDone ends the wait: Read was called at this applied index.
	ReadDone(index uint64)
	// ReadDropped ends the wait without a read.
	ReadDropped(why Drop)
}

// Node is what a replica needs from the node it lives on.
type Node interface {
	// Send carries a message to the replica's peer m.To.
	Send(m *raft.Message)
	// SendHash tells a peer this replica's state hash at index.
	SendHash(to raft.ReplicaID, r *Replica, index, hash uint64)
	// SendChunk and SendAck carry messages of a snapshot's transfer.
	SendChunk(c *transfer.Chunk)
	SendAck(a *transfer.Ack)
	// ConfigChanged says that the replica's Raft().Configuration() has changed.
	ConfigChanged(r *Replica)
	// Persist adds to the next write of the shared log; the node reports completion
	// with Replica.Persisted.
	Persist(r *Replica, p *raft.Persist)
	// Submit runs a job of the replica off the loop. After its Done the replica gets a turn.
	Submit(r *Replica, lane env.Lane, job env.Job)
	// Fail stops the node: it cannot keep its promises any longer.
	Fail(err error)
}

// LogReader reads entries that the core no longer holds in memory.
type LogReader interface {
	ReadEntries(g raft.GroupID, lo, hi uint64, maxBytes int) ([]raft.Entry, error)
}
