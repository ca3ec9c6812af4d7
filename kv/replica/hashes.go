package replica

import (
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// hashWindow remembers the state hashes of the last few hash points: the own one, and
// what each peer reported, also ahead of us.
type hashWindow [hashPoints]hashPoint

// hashPoints bounds the memory; a peer further apart is not compared.
const hashPoints = 16

type hashPoint struct {
	index uint64
	// own is this replica's hash, if it has passed the point.
	own    uint64
	passed bool
	peers  []peerHash
}

type peerHash struct {
	peer raft.ReplicaID
	hash uint64
}

// point returns the place of an index, emptied if it held an older one; nil if it
// holds a newer one.
func (w *hashWindow) point(index uint64) *hashPoint {
	p := &w[index/HashEvery%hashPoints]
	switch {
	case p.index > index:
		return nil
	case p.index < index:
		*p = hashPoint{index: index, peers: p.peers[:0]}
	}
	return p
}

// passedHashPoint compares and reports the hash at applied, a multiple of HashEvery.
func (r *Replica) passedHashPoint() {
	if p := r.hashes.point(r.applied); p != nil {
		p.own, p.passed = r.hash, true
		r.judgeHash(p)
	}
	config := r.raft.Configuration()
	for i := range config.Members {
		if id := raft.ReplicaID(config.Members[i].ID); id != r.ID() {
			r.node.SendHash(id, r, r.applied, r.hash)
		}
	}
}

// PeerHash takes in a peer's report.
func (r *Replica) PeerHash(from raft.ReplicaID, index, hash uint64) {
	_, isMember := r.raft.Configuration().Member(uint64(from))
	if index == 0 || index%HashEvery != 0 || r.stopped || from == r.ID() || !isMember {
		return
	}
	p := r.hashes.point(index)
	if p == nil {
		return
	}
	for i := range p.peers {
		if p.peers[i].peer == from {
			p.peers[i].hash = hash
			r.judgeHash(p)
			return
		}
	}
	p.peers = append(p.peers, peerHash{from, hash})
	r.judgeHash(p)
}

// judgeHash stops the node if its replica is the one that is wrong (REP-7): a
// majority agrees on another state, or all have reported and no majority agrees with
// this one. One corrupt replica must not stop the sound ones; where it cannot be told
// which is which, none may go on. What a majority contradicts is damage: the next start sets
// it aside and the group replaces the replica.
func (r *Replica) judgeHash(p *hashPoint) {
	if !p.passed {
		return
	}
	config := r.raft.Configuration()
	members := len(config.Members)
	same := 1
	for _, a := range p.peers {
		if a.hash == p.own {
			same++
		}
	}
	if same > members/2 {
		return
	}
	undecided := len(p.peers)+1 < members
	for _, a := range p.peers {
		agree := 0
		for _, b := range p.peers {
			if a.hash == b.hash {
				agree++
			}
		}
		switch {
		case a.hash == p.own:
		case agree > members/2:
			r.node.Fail(damaged(r.Group(), "its state at entry %d differs from that of a majority (hash %016x here, %016x there); "+
				"the node stops serving so that it cannot spread", p.index, p.own, a.hash))
			return
		case !undecided:
			r.node.Fail(fmt.Errorf("partition %d: the states of the replicas at entry %d differ and no majority agrees (hash %016x here, "+
				"%016x there): the node stops serving; find out which state is right before you start it again",
				r.Group(), p.index, p.own, a.hash))
			return
		}
	}
}
