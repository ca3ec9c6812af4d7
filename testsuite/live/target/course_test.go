package target

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/events"
)

func kindsOf(log *events.Log) (kinds []events.Kind) {
	for _, e := range slices.Concat(log.Before(), log.After()) {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// Goal: an answer that a node gave before it ended does not make it live on.
// Method: what was told in the first start comes after the end, and after the next start; a node that is down ends no second time.
func TestLateAnswersAreDropped(t *testing.T) {
	c := NewCourse()
	leads := events.Event{Kind: events.Role, Node: 1, Group: 1, Term: 2, Name: "leader"}
	c.Add(events.Event{Kind: events.Down, Node: 1})
	c.Add(events.Event{Kind: events.Up, Node: 1})
	c.Told(1, leads)
	c.Add(events.Event{Kind: events.Down, Node: 1})
	c.Told(1, leads)
	c.Add(events.Event{Kind: events.Up, Node: 1})
	c.Told(1, leads)
	c.Told(2, leads)
	log := c.End()
	c.Add(events.Event{Kind: events.Down, Node: 1})
	require.Equal(t, []events.Kind{events.Up, events.Role, events.Down, events.Up, events.Role}, kindsOf(log))
}

// Goal: the log is in the order of its times whoever adds to it. Method: several goroutines add.
func TestTimesOfACourseNeverGoBack(t *testing.T) {
	c := NewCourse()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				c.Add(events.Event{Kind: events.Healed})
			}
		})
	}
	all.Wait()
	log := c.End().Before()
	require.Len(t, log, 800)
	require.True(t, slices.IsSortedFunc(log, func(a, b events.Event) int { return int(a.At - b.At) }))
}
