package events

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Goal: EVT-1, a log keeps the first and the newest events and says what is missing. Method: logs of
// every limit up to 12 get up to 40 events; what is kept and the gap must be the events, with nothing lost between.
func TestLogsKeepBothEnds(t *testing.T) {
	for limit := 2; limit <= 12; limit++ {
		for n := range 40 {
			l := NewLog(limit)
			for i := range n {
				l.Add(Event{At: int64(i), Kind: Up})
			}
			before, after, gap := l.Before(), l.After(), l.Gap()
			require.LessOrEqual(t, len(before)+len(after), limit)
			require.Equal(t, n, len(before)+gap.Events+len(after))
			for i, e := range before {
				require.EqualValues(t, i, e.At)
			}
			for i, e := range after {
				require.EqualValues(t, n-len(after)+i, e.At)
			}
			if n <= limit {
				require.Zero(t, gap)
			} else {
				require.Equal(t, Gap{Events: n - limit, From: int64(len(before)), To: int64(n - len(after) - 1)}, gap)
			}
		}
	}
}

// Goal: EVT-2 and the format. Method: compare a small file with its text.
func TestLogIsWrittenAsLines(t *testing.T) {
	l := NewLog(4)
	for i := range 3 {
		l.Add(Event{At: int64(i), Kind: Up, Node: 1 + i})
	}
	l.Add(Event{At: 5, Kind: Role, Node: 1, Group: 2, Term: 3, Name: "leader"})
	l.Add(Event{At: 6, Kind: Fault, Name: "split", Fault: 1, Targets: []int{1, 2}})
	var b bytes.Buffer
	require.NoError(t, l.Write(&b))
	require.Equal(t, strings.Join([]string{
		`{"format":"holdfast-events","version":1,"events":4,"missing":1,"missing_from":2,"missing_to":2}`,
		`{"at":0,"kind":"up","node":1}`,
		`{"at":1,"kind":"up","node":2}`,
		`{"at":5,"kind":"role","node":1,"group":2,"term":3,"name":"leader"}`,
		`{"at":6,"kind":"fault","name":"split","fault":1,"targets":[1,2]}`,
		"",
	}, "\n"), b.String())
}
