package replica

import "fmt"

// hashWindow remembers the state hashes of the last few hash points, own ones
// and those that peers reported ahead of us.
type hashWindow struct {
	own, reported [hashPoints]hashPoint
}

// hashPoints bounds the memory; a peer further apart is not compared.
const hashPoints = 16

type hashPoint struct{ index, hash uint64 }

func slot(index uint64) int { return int(index / HashEvery % hashPoints) }

// passedHashPoint compares and reports the hash at applied, a multiple of
// HashEvery. Every replica reports: any pair that differs is found by both.
func (r *Replica) passedHashPoint() {
	p := hashPoint{index: r.applied, hash: r.hash}
	r.hashes.own[slot(p.index)] = p
	r.compareHash(p, r.hashes.reported[slot(p.index)])
	r.node.SendHash(r.Group(), p.index, p.hash)
}

// PeerHash takes in a peer's report.
func (r *Replica) PeerHash(index, hash uint64) {
	if index == 0 || index%HashEvery != 0 || r.stopped {
		return
	}
	p := hashPoint{index: index, hash: hash}
	if own := r.hashes.own[slot(index)]; own.index >= index {
		r.compareHash(own, p)
		return
	}
	r.hashes.reported[slot(index)] = p
}

func (r *Replica) compareHash(own, other hashPoint) {
	if own.index == other.index && own.hash != other.hash {
		r.node.Fail(fmt.Errorf("partition %d: state at entry %d differs from a peer's (hash %016x here, %016x there): "+
			"one of the replicas is corrupt; the node stops serving so that it cannot spread", r.Group(), own.index, own.hash, other.hash))
	}
}
