package placement

import (
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/machine"
)

// ledger is the metadata group's state machine, as far as transactions can tell.
type ledger struct {
	t     require.TestingT
	pairs map[string]Pair
	index uint64
}

func newLedger(t require.TestingT) *ledger {
	return &ledger{t: t, pairs: map[string]Pair{}, index: 3}
}

// commit executes a transaction as the machine would: all conditions are judged first.
func (l *ledger) commit(txn Txn) bool {
	l.index++
	require.LessOrEqual(l.t, len(txn.Ops), maxOps)
	for _, op := range txn.MachineOps() {
		old, ok := l.pairs[string(op.Key)]
		switch op.Cond {
		case machine.CondAbsent:
			if ok {
				return false
			}
		case machine.CondVersion:
			if old.Version != op.CondVersion {
				return false
			}
		default:
			require.Fail(l.t, "an op without a condition", "%q", op.Key)
		}
	}
	for _, op := range txn.MachineOps() {
		require.Equal(l.t, machine.OpPut, op.Kind)
		l.pairs[string(op.Key)] = Pair{Key: op.Key, Value: op.Value, Version: l.index}
	}
	return true
}

// all returns the pairs in an order that depends on nothing but their keys.
func (l *ledger) all() (pairs []Pair) {
	for _, key := range slices.Sorted(maps.Keys(l.pairs)) {
		pairs = append(pairs, l.pairs[key])
	}
	return pairs
}

// state reads the table.
func (l *ledger) state() *State {
	s, err := Decode(l.all(), l.index)
	require.NoError(l.t, err)
	return &s
}

// do carries out a command.
func (l *ledger) do(txn Txn, err error) {
	require.NoError(l.t, err)
	if !txn.Empty() {
		require.True(l.t, l.commit(txn))
	}
}

// plain is an ordinary node, whose log has number 100*id.
func plain(id uint64) Node {
	return Node{ID: id, Address: fmt.Sprintf("host%d:7000", id), Store: 100 * id}
}

func plains(ids ...uint64) (nodes []Node) {
	for _, id := range ids {
		nodes = append(nodes, plain(id))
	}
	return nodes
}

// founded is a ledger with a cluster of these nodes, of which the first ones founded it.
func founded(t require.TestingT, c Cluster, ids ...uint64) *ledger {
	l := newLedger(t)
	founders := min(len(ids), 3)
	l.do(Bootstrap(l.state(), c, plains(ids[:founders]...)))
	for _, id := range ids[founders:] {
		l.do(Join(l.state(), plain(id), false, Evidence{}))
	}
	return l
}
