package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Goal: REP-9, an apply job counts as hanging only after ten election timeouts, and only while it runs. Method: look at the times
// around the bound.
func TestMachineHangsAfterItsPatience(t *testing.T) {
	r := &Replica{applySince: 1000}
	r.cfg.Raft.ElectionTimeout = 200
	bound := env.Instant(1000 + machinePatience*200)
	require.False(t, r.machineHangs(bound+1), "no job runs")
	r.applying = true
	require.False(t, r.machineHangs(bound))
	require.True(t, r.machineHangs(bound+1))
}
