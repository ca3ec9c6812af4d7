package placement

import (
	"slices"

	"github.com/holdfastdb/holdfast/kv/machine"
)

// maxOps is what the machine accepts in one command (machine.DefaultLimits).
const maxOps = 128

// TxnOp writes one record, if the record still has the version it was read at.
type TxnOp struct {
	Key, Value []byte
	// IfVersion is the version that the key must have, 0 that it must have none.
	IfVersion uint64
}

// Txn is a change of the records: all conditions hold, or nothing is done. The first op is always on the
// record of the cluster, so that of two transactions that were decided on the same State only one
// takes effect, and none twice (PLACE-1). An empty Txn has nothing to change.
type Txn struct {
	Ops []TxnOp
	// Notes say what is done and why, for logs.
	Notes []string
}

// Empty tells whether there is nothing to do.
func (t *Txn) Empty() bool { return len(t.Ops) == 0 }

// MachineOps returns the transaction as the operations of one command (machine.CmdApply).
func (t *Txn) MachineOps() []machine.Op {
	ops := make([]machine.Op, len(t.Ops))
	for i, op := range t.Ops {
		ops[i] = machine.Op{Kind: machine.OpPut, Key: op.Key, Value: op.Value, Cond: machine.CondAbsent}
		if op.IfVersion != 0 {
			ops[i].Cond, ops[i].CondVersion = machine.CondVersion, op.IfVersion
		}
	}
	return ops
}

// change begins a transaction on what was decided from this State.
func (s *State) change(c Cluster) *Txn {
	return &Txn{Ops: []TxnOp{{Key: []byte(clusterKey), Value: AppendCluster(nil, &c), IfVersion: s.Version}}}
}

func (t *Txn) full() bool { return len(t.Ops) == maxOps }

func (t *Txn) putNode(n Node, note string) {
	t.put(TxnOp{Key: n.key(), Value: AppendNode(nil, &n), IfVersion: n.Version}, note)
}

func (t *Txn) putPartition(p Partition, note string) {
	t.put(TxnOp{Key: p.key(), Value: AppendPartition(nil, &p), IfVersion: p.Version}, note)
}

func (t *Txn) put(op TxnOp, note string) {
	if t.full() {
		panic("placement: PLACE-1: a transaction has more operations than the machine accepts")
	}
	t.Ops = append(t.Ops, op)
	t.Notes = append(t.Notes, note)
}

// with returns a copy of the record with other nodes, under the next epoch (PLACE-3).
func (p *Partition) with(replicas []uint64) Partition {
	next := *p
	next.Epoch++
	next.Replicas = slices.Clone(replicas)
	return next
}
