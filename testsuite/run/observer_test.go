package run

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: RUN-5, who is watched takes the same course as who is not. Method: seeds of both kinds of clusters with and
// without an observer: the same trace hash, events and verdict; and the log tells of nodes, leaders and faults, the
// same bytes twice.
func TestObserverChangesNothing(t *testing.T) {
	kinds := map[events.Kind]int{}
	for seed := uint64(1); seed <= 30; seed++ {
		for _, draw := range []func(uint64) *plan.Plan{plan.Draw, plan.DrawSharded}[:1+seed%2] {
			plain := Execute(draw(seed), Options{})
			var texts [2]bytes.Buffer
			for i := range texts {
				log := events.NewLog(events.DefaultLimit)
				watched := Execute(draw(seed), Options{Events: log})
				require.Equal(t, plain.TraceHash, watched.TraceHash)
				require.Equal(t, plain.Events, watched.Events)
				require.Equal(t, plain.Verdict, watched.Verdict)
				require.NoError(t, log.Write(&texts[i]))
				for _, e := range log.Before() {
					kinds[e.Kind]++
				}
			}
			require.Equal(t, texts[0].String(), texts[1].String())
		}
	}
	for _, k := range []events.Kind{
		events.Up, events.Down, events.Pause, events.Resume, events.Role, events.Snapshot, events.Table,
		events.Fault, events.Change, events.Bites, events.FaultEnd, events.Healed, events.Stopped,
	} {
		require.NotZero(t, kinds[k], "no event of kind %s in any run", k)
	}
}
