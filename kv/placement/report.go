package placement

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/canon"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

const (
	// maxReported bounds the replicas in a report: one of each group.
	maxReported = MaxPartitions + 1
	// MaxReport bounds an encoded report, in bytes.
	MaxReport = 4 << 20
)

// Report is what a node holds and leads. It is sent about every DriverConfig.ReportEvery to the node
// that leads the metadata group. Nothing depends on when it arrives, or whether.
type Report struct {
	Node, Store uint64
	Address     string
	// Replicas are ascending by group, one of each group at most.
	Replicas []ReplicaReport
}

// of returns what the report says of a group, nil if nothing.
func (r *Report) of(group uint64) *ReplicaReport {
	i, ok := slices.BinarySearchFunc(r.Replicas, group, func(x ReplicaReport, g uint64) int { return cmp.Compare(x.Group, g) })
	if !ok {
		return nil
	}
	return &r.Replicas[i]
}

// ReplicaReport is one replica of the node that reports.
type ReplicaReport struct {
	Group uint64
	// Replica is its id (raft.ReplicaID).
	Replica uint64
	Term    uint64
	// Epoch and Generation are those of its configuration.
	Epoch      uint64
	Generation uint32
	// Index is what it has applied, Bytes what it holds, also of a copy that is not complete yet.
	Index, Bytes uint64
	// Leader: it leads its group. Then Settled says that its configuration is committed and not
	// joint, and Members are all members of it. Of the other replicas neither is reported.
	Leader, Settled bool
	Members         []MemberReport
}

// MemberReport is a member of a group as its leader sees it.
type MemberReport struct {
	// Replica is its id (raft.ReplicaID); Members are ascending by it.
	Replica uint64
	// Store is the log that it was added for, 0 for a replica that the group began with.
	Store uint64
	// Match is what is known to be in its log.
	Match uint64
	// Voter: it counts in what the group is or becomes. Outgoing: it counts in what a joint
	// configuration replaces. CaughtUp: it may become a voter, or is one.
	Voter, Outgoing, CaughtUp bool
}

// Node is the node that the member lives on.
func (m *MemberReport) Node() uint64 { return raft.ReplicaID(m.Replica).Node() }

const (
	flagLeader = 1 << iota
	flagSettled
	replicaFlags = 1<<iota - 1
)

const (
	flagVoter = 1 << iota
	flagOutgoing
	flagCaughtUp
	memberFlags = 1<<iota - 1
)

// AppendReport appends the encoding:
//
//	version (one byte), node, store, address, number of replicas, each: group - the one before, id,
//	term, epoch, generation, index, bytes, flags (one byte: 1 leader, 2 settled); of a leader also the number of
//	members, each: id, store, match, flags (one byte: 1 voter, 2 outgoing, 4 caught up)
func AppendReport(dst []byte, r *Report) []byte {
	dst = append(dst, recordVersion)
	dst = binary.AppendUvarint(dst, r.Node)
	dst = binary.AppendUvarint(dst, r.Store)
	dst = appendText(dst, r.Address)
	dst = binary.AppendUvarint(dst, uint64(len(r.Replicas)))
	last := uint64(0)
	for i := range r.Replicas {
		x := &r.Replicas[i]
		for _, v := range [...]uint64{x.Group - last, x.Replica, x.Term, x.Epoch, uint64(x.Generation), x.Index, x.Bytes} {
			dst = binary.AppendUvarint(dst, v)
		}
		last = x.Group
		dst = append(dst, flags(x.Leader, x.Settled))
		if !x.Leader {
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(x.Members)))
		for _, m := range x.Members {
			for _, v := range [...]uint64{m.Replica, m.Store, m.Match} {
				dst = binary.AppendUvarint(dst, v)
			}
			dst = append(dst, flags(m.Voter, m.Outgoing, m.CaughtUp))
		}
	}
	return dst
}

func flags(on ...bool) (f byte) {
	for bit, set := range on {
		if set {
			f |= 1 << bit
		}
	}
	return f
}

// DecodeReport decodes exactly one report.
func DecodeReport(b []byte) (Report, error) {
	if len(b) > MaxReport {
		return Report{}, fmt.Errorf("placement: codec: %w: a report of %d bytes where %d are the most", canon.ErrTooLarge, len(b), MaxReport)
	}
	r := newReader(b)
	report := Report{Node: r.Number(maxNode), Store: r.Number(anything), Address: r.Text(MaxAddress)}
	if r.Err() == nil && report.Node == 0 {
		r.Fail(errForm)
	}
	last := uint64(0)
	for range r.Number(maxReported) {
		x := r.replica(last)
		if r.Err() != nil {
			break
		}
		if last = x.Group; raft.ReplicaID(x.Replica).Node() != report.Node {
			r.Fail(errForm)
		}
		report.Replicas = append(report.Replicas, x)
	}
	if err := r.done(); err != nil {
		return Report{}, err
	}
	return report, nil
}

func (r *reader) replica(after uint64) ReplicaReport {
	x := ReplicaReport{
		Group: after + r.Number(MetaGroup), Replica: r.Number(anything), Term: r.Number(anything), Epoch: r.Number(anything),
		Generation: uint32(r.Number(1<<32 - 1)), Index: r.Number(anything), Bytes: r.Number(anything),
	}
	if r.Err() == nil && (x.Group <= after || !isGroup(x.Group)) {
		r.Fail(errOrder)
	}
	f := r.flags(replicaFlags)
	x.Leader, x.Settled = f&flagLeader != 0, f&flagSettled != 0
	if !x.Leader {
		if x.Settled {
			r.Fail(errForm)
		}
		return x
	}
	for range r.Number(confchange.MaxMembers) {
		m := MemberReport{Replica: r.Number(anything), Store: r.Number(anything), Match: r.Number(anything)}
		f := r.flags(memberFlags)
		m.Voter, m.Outgoing, m.CaughtUp = f&flagVoter != 0, f&flagOutgoing != 0, f&flagCaughtUp != 0
		if k := len(x.Members); k > 0 && m.Replica <= x.Members[k-1].Replica {
			r.Fail(errOrder)
		}
		x.Members = append(x.Members, m)
	}
	return x
}

func (r *reader) flags(known byte) byte {
	f := r.Byte()
	if f > known {
		r.Fail(errFlags)
	}
	return f
}
