package machine_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/machine"
)

// Goal: a command whose result would be too large to travel in one piece is StatusInvalid and changes nothing; a smaller
// one is carried out. Method: gets of values of 1 MiB, of one that the command itself puts, and conditions that fail.
func TestResultsAreBounded(t *testing.T) {
	r := newRig(t, machine.DefaultLimits())
	value := bytes.Repeat([]byte("v"), machine.DefaultLimits().MaxValue)
	var gets, fails []machine.Op
	for i := range 40 {
		key := fmt.Sprintf("k%d", i)
		r.do(put(0, 0, key, string(value)))
		gets = append(gets, machine.Op{Kind: machine.OpGet, Key: []byte(key)})
		fails = append(fails, machine.Op{Kind: machine.OpPut, Key: []byte(key), Value: value[:1], Cond: machine.CondAbsent})
	}
	other := machine.Op{Kind: machine.OpPut, Key: []byte("other"), Value: []byte("x")}
	status := func(ops ...machine.Op) machine.Status { return r.do(apply(0, 0, ops...)).Status }
	require.Equal(t, machine.StatusInvalid, status(append([]machine.Op{other}, gets...)...))
	require.False(t, r.get("other").Found, "nothing is done of a command that is refused")
	require.Equal(t, machine.StatusInvalid, status(fails...))
	require.Equal(t, machine.StatusOK, status(append([]machine.Op{other}, gets[:32]...)...))
	require.Equal(t, machine.StatusConditionFailed, status(fails[:32]...))
	own := []machine.Op{{Kind: machine.OpPut, Key: []byte("new"), Value: value}}
	for range 33 {
		own = append(own, machine.Op{Kind: machine.OpGet, Key: []byte("new")})
	}
	require.Equal(t, machine.StatusInvalid, status(own...))
}
