package cluster

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// sample is what a driver says of a cluster in which much is going on.
func sample() *kvpb.PlacementResponse {
	return &kvpb.PlacementResponse{
		Code: kvpb.Code_OK, Driver: true, TableVersion: 41, Partitions: 4, Replicas: 3, LeftMs: 130_000,
		Nodes: []*kvpb.PlacedNode{
			{Node: 1, Address: "127.0.0.1:7001", State: "up", Weight: 100, Zone: "a", Alive: true, SilentMs: 400, Wanted: 3, Held: 4, Led: 2},
			{Node: 2, Address: "127.0.0.1:7002", State: "draining", Weight: 100, Alive: true, SilentMs: 4000, Wanted: 1, Held: 2},
			{Node: 3, Address: "127.0.0.1:7003", State: "up", Weight: 200, SilentMs: 400_000, Dead: true, Wanted: 3, Held: 3},
			{Node: 4, State: "removed", Weight: 100},
			{Node: 5, Address: "127.0.0.1:7005", State: "up", Weight: 100, Alive: true, Wanted: 4, Held: 3, Led: 1},
		},
		Groups: []*kvpb.PlacedGroup{
			{Group: 1, Epoch: 1, Wanted: []uint64{1, 3, 5}, Holds: []uint64{1, 3, 5}, Leader: 1, Phase: "ok"},
			{Group: 2, Epoch: 7, Wanted: []uint64{1, 3, 5}, Holds: []uint64{1, 2, 3}, Leader: 1, Phase: "catching up", BytesDone: 3 << 20, BytesTotal: 5 << 29, Copies: 1},
			{Group: 3, Epoch: 2, Wanted: []uint64{3, 5}, Holds: []uint64{3, 5}, Leader: 5, Phase: "under-replicated"},
			{Group: 4, Epoch: 2, Wanted: []uint64{1, 2, 5}, Phase: "unavailable"},
			{Group: placement.MetaGroup, Metadata: true, Epoch: 1, Wanted: []uint64{1, 2, 3}, Holds: []uint64{1, 2, 3}, Leader: 1, Phase: "waiting"},
		},
	}
}

func shown(t *testing.T, print func(*strings.Builder) error) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, print(&out))
	return out.String()
}

// Goal: the tables of nodes and partitions show what an operator asks for: who is silent or dead, what is held and wanted, who leads, what
// is copied. Method: golden, of a cluster in which much is going on.
func TestTablesOfNodesAndPartitions(t *testing.T) {
	p := placementOf(sample())
	require.Equal(t, ""+
		"NODE  ADDRESS         STATE             WEIGHT  ZONE  WANTED  HELD  LEADS  SILENT\n"+
		"1     127.0.0.1:7001  up                100     a     3       4     2      -\n"+
		"2     127.0.0.1:7002  silent, draining  100     -     1       2     0      4s\n"+
		"3     127.0.0.1:7003  dead              200     -     3       3     0      6m40s\n"+
		"5     127.0.0.1:7005  up                100     -     4       3     1      -\n"+
		"removed for ever: 4\n",
		shown(t, func(w *strings.Builder) error { return p.PrintNodes(w) }))
	const head = "PARTITION  EPOCH  WANTED  HOLDS  LEADER  PHASE             COPIED\n"
	const moving = "2          7      1 3 5   1 2 3  1       catching up       3.0 MiB of 2.5 GiB\n" +
		"3          2      3 5     3 5    5       under-replicated  -\n" +
		"4          2      1 2 5   -      none    unavailable       -\n" +
		"metadata   1      1 2 3   1 2 3  1       waiting           -\n"
	require.Equal(t, head+"1          1      1 3 5   1 3 5  1       ok                -\n"+moving,
		shown(t, func(w *strings.Builder) error { return p.PrintPartitions(w, false) }))
	require.Equal(t, head+moving, shown(t, func(w *strings.Builder) error { return p.PrintPartitions(w, true) }))
	require.Equal(t, "partitions: 1 ok, 1 catching up, 1 under-replicated, 1 unavailable; metadata group: waiting; 1 copy to make; 3.0 MiB of 2.5 GiB copied; about 2m10s left\n",
		shown(t, func(w *strings.Builder) error { return p.PrintProgress(w) }))
}

// Goal: what only the driver knows is not made up where another node answers. Method: the same without a driver.
func TestWithoutTheDriverWhatItKnowsIsMissing(t *testing.T) {
	r := sample()
	r.Driver, r.LeftMs = false, 0
	for _, g := range r.Groups {
		g.Holds, g.Phase, g.BytesDone, g.BytesTotal = nil, "", 0, 0
	}
	for _, n := range r.Nodes {
		n.Held, n.Alive, n.Dead, n.SilentMs = 0, false, false, 0
	}
	p := placementOf(r)
	require.Contains(t, shown(t, func(w *strings.Builder) error { return p.PrintNodes(w) }),
		"2     127.0.0.1:7002  draining  100     -     1       ?     0      ?\n3     127.0.0.1:7003  up        200     -     3       ?     0      ?\n")
	require.Contains(t, shown(t, func(w *strings.Builder) error { return p.PrintPartitions(w, false) }), "2          7      1 3 5   ?      1       ?      ?\n")
	require.Equal(t, "what moves is not known\n", shown(t, func(w *strings.Builder) error { return p.PrintProgress(w) }))
	data, err := json.Marshal(p)
	require.NoError(t, err)
	for _, absent := range []string{"held", "alive", "silent", "holds", "phase", "bytes"} {
		require.NotContains(t, string(data), absent)
	}
	require.Equal(t, []string{driverless}, p.problems())
}

// Goal: the ring shows each node's share against its fair one, in numbers and as a picture. Method: golden.
func TestRingShowsSharesAgainstFairOnes(t *testing.T) {
	r := &kvpb.PlacementResponse{Driver: true, Partitions: 16, Replicas: 3, Nodes: []*kvpb.PlacedNode{
		{Node: 1, State: "up", Weight: 100, Alive: true, Wanted: 12, Held: 12, Led: 4},
		{Node: 2, State: "up", Weight: 100, Alive: true, Wanted: 9, Held: 11, Led: 3},
		{Node: 3, State: "up", Weight: 200, Alive: true, Wanted: 16, Held: 16, Led: 8},
		{Node: 4, State: "draining", Weight: 100, Alive: true, Wanted: 3, Held: 3, Led: 1},
		{Node: 5, State: "removed", Weight: 100},
		{Node: 6, State: "up", Weight: 100, Alive: true, Wanted: 8, Held: 6},
	}}
	require.Equal(t, ""+
		"16 partitions, 3 copies each; a partition is 6.2 % of the keyspace\n\n"+
		"NODE  ZONE  WEIGHT  STATE     WANTED  HELD  FAIR  LEADS  FAIR  KEYSPACE  COPIES (| is fair)\n"+
		"1     -     100     up        12      12    10.7  4      3.2   25 %      #####################|###\n"+
		"2     -     100     up        9       11    10.7  3      3.2   18.8 %    ##################   |\n"+
		"3     -     200     up        16      16    16.0  8      6.4   50 %      ################################|\n"+
		"4     -     100     draining  3       3     0.0   1      0.0   6.2 %     |######\n"+
		"6     -     100     up        8       6     10.7  0      3.2   0 %       ################     |\n"+
		"\nThe fullest node is to hold 12.5 % more than its fair share.\n",
		shown(t, func(w *strings.Builder) error { return placementOf(r).Ring().print(w) }))
	r.Nodes[0].Zone = "a"
	require.Contains(t, shown(t, func(w *strings.Builder) error { return placementOf(r).Ring().print(w) }), "fair share. Spreading over zones goes before fairness.\n")
	none := &Ring{Nodes: []RingShare{{Node: 1}}}
	require.Contains(t, shown(t, func(w *strings.Builder) error { return none.print(w) }), "0 partitions, 0 copies each")
}

// Goal: fair shares add up, nobody has more than can be, and those that are not cut off are in proportion to weight and not below
// those that are. Method: random weights.
func TestFairSharesAddUpAndAreInProportion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var weights []float64
		for _, w := range rapid.SliceOfN(rapid.IntRange(1, 1000), 1, 12).Draw(t, "weights") {
			weights = append(weights, float64(w))
		}
		most := float64(rapid.IntRange(1, 64).Draw(t, "partitions"))
		copies := float64(min(rapid.IntRange(1, 5).Draw(t, "copies"), len(weights)))
		shares := fair(weights, most*copies, most)
		sum, level := 0.0, math.Inf(1)
		for i, s := range shares {
			sum += s
			if s < most-1e-9 {
				level = s / weights[i]
			}
		}
		if math.Abs(sum-most*copies) > 1e-6 {
			t.Fatalf("the shares add up to %v, not %v", sum, most*copies)
		}
		for i, s := range shares {
			switch {
			case s > most+1e-9 || s <= 0:
				t.Fatalf("a share of %v of at most %v", s, most)
			case s < most-1e-9 && math.Abs(s/weights[i]-level) > 1e-9:
				t.Fatalf("levels %v and %v", s/weights[i], level)
			case s >= most-1e-9 && most/weights[i] > level+1e-9:
				t.Fatalf("a share was cut off at %v, though its level would be %v of %v", s, most/weights[i], level)
			}
		}
	})
}

// Goal: sizes and times are written for people. Method: a table.
func TestSizesAndTimesAreForPeople(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1_000_000: "976.6 KiB", 1 << 20: "1.0 MiB", 3 << 29: "1.5 GiB", 1 << 50: "1024.0 TiB",
	} {
		require.Equal(t, want, size(n))
	}
	for d, want := range map[time.Duration]string{
		time.Millisecond: "1s", 12_400 * time.Millisecond: "12s", 61 * time.Second: "1m", 125 * time.Second: "2m10s",
		time.Hour: "1h", 25*time.Hour + 29*time.Minute + 50*time.Second: "25h30m",
	} {
		require.Equal(t, want, roughly(uint64(d.Milliseconds())))
	}
}

// Goal: where there is no terminal, a line is printed for news only; on a terminal the line changes and is ended once. Method: both.
func TestProgressIsALineThatChangesOrLinesWithNews(t *testing.T) {
	var out strings.Builder
	l := &live{w: &out}
	for _, text := range []string{"a 1", "a 1", "a 2", "b 2", "b 3"} {
		l.show(text[:1], text)
	}
	l.end()
	require.Equal(t, "a 1\nb 2\n", out.String())
	l.show("b", "b 3")
	require.Equal(t, "a 1\nb 2\nb 3\n", out.String(), "what comes after the end is news")
	out.Reset()
	l = &live{w: &out, terminal: true}
	l.show("a", "a 1")
	l.show("a", "a 2")
	l.end()
	l.end()
	require.Equal(t, "\r\x1b[Ka 1\r\x1b[Ka 2\n", out.String())
}

// Goal: the commands that show follow the hint to the driver, take the newest of two, say so where none answers, and end with 4 where nobody
// does, and with 6 in a cluster of one group. Method: fake clusters.
func TestShowingAsksTheDriver(t *testing.T) {
	c := newFakeShards(t, 4)
	for _, command := range []string{"nodes", "partitions", "ring", "rebalance"} {
		for _, endpoints := range [][]string{c.addresses(1), c.addresses(3), append([]string{closedPort(t)}, c.addresses(2, 3)...)} {
			code, out, talk := c.run(patient(t), endpoints, command)
			require.Zero(t, code, talk)
			require.Empty(t, talk)
			require.NotContains(t, out, "?")
			require.NotContains(t, out, "not known")
			code, out, _ = c.run(patient(t), endpoints, "json", command)
			require.Zero(t, code)
			require.True(t, json.Valid([]byte(out)), out)
		}
	}
	c.leader = 0
	code, out, talk := c.run(patient(t), c.addresses(3), "nodes")
	require.Zero(t, code)
	require.Equal(t, "warning: "+driverless+"\n", talk)
	require.Contains(t, out, "?")
	code, _, talk = c.run(patient(t), []string{closedPort(t)}, "ring")
	require.Equal(t, exit.NotApplied, code)
	require.Contains(t, talk, "no node could tell where the partitions are: 127.0.0.1:")
	require.Contains(t, talk, "connection refused\nnext: ")
	one := newFakeCluster(t, 1)
	for _, command := range []string{"nodes", "partitions", "ring", "rebalance", "rebalance --watch"} {
		code, _, talk = one.run(patient(t), one.addresses(1), strings.Fields(command)...)
		require.Equal(t, exit.Denied, code)
		require.Contains(t, talk, "cluster mine has no partitions: it is one group\nnext: `holdfast cluster status`")
	}
}

// Goal: of several answers the one of the newest driver counts, then the newest. Method: all orders of answers.
func TestTheNewestDriverIsBelieved(t *testing.T) {
	answer := func(name string, code kvpb.Code, driver bool, version uint64) placed {
		return placed{address: name, resp: &kvpb.PlacementResponse{Code: code, Driver: driver, TableVersion: version}}
	}
	all := []placed{
		answer("newest driver", kvpb.Code_OK, true, 7), answer("old driver", kvpb.Code_OK, true, 6),
		answer("newest table", kvpb.Code_OK, false, 9), answer("old table", kvpb.Code_OK, false, 1), answer("no table", kvpb.Code_UNAVAILABLE, false, 0),
		{address: "silent", err: fmt.Errorf("silent")},
	}
	for len(all) > 2 {
		for range all {
			all = append(all[1:], all[0])
			backwards := make([]placed, 0, len(all))
			for i := range all {
				backwards = append(backwards, all[len(all)-1-i])
			}
			require.Equal(t, pick(all), pick(backwards))
		}
		best := pick(all).address
		require.Equal(t, map[int]string{6: "newest driver", 5: "old driver", 4: "newest table", 3: "old table"}[len(all)], best)
		for i := range all {
			if all[i].address == best {
				all = append(all[:i:i], all[i+1:]...)
				break
			}
		}
	}
	require.Nil(t, pick(all))
}
