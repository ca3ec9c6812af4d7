package hashing

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the table and the chart of docs/sharding-balance.md anew")

// What the picture shows: a cluster that grows from one ordinary node to sixteen.
const (
	pictureNodes      = 16
	picturePartitions = 256
	pictureReplicas   = 3
	pictureSeed       = 42
)

// scheme is one way to place partitions on nodes 1..n, given where they are.
type scheme func(n int, current Placement) Placement

func pictureConfig() Config {
	return Config{Seed: pictureSeed, Partitions: picturePartitions, Replicas: pictureReplicas}
}

func ours(n int, current Placement) Placement {
	p, err := Place(pictureConfig(), alike(n), current)
	if err != nil {
		panic(err)
	}
	return p
}

// modulo is the naive scheme: partition i on the nodes i, i+1, … modulo their number.
func modulo(n int, _ Placement) Placement {
	out := make(Placement, picturePartitions)
	for i := range out {
		for k := range min(pictureReplicas, n) {
			out[i] = append(out[i], uint64((i+k)%n)+1)
		}
	}
	return out
}

// ringAlone is consistent hashing without bounds: the nodes that the walk meets first.
func ringAlone(n int, _ Placement) Placement {
	order := walks(pictureConfig(), alike(n))
	out := make(Placement, picturePartitions)
	for i := range out {
		for _, of := range order[i*n : i*n+min(pictureReplicas, n)] {
			out[i] = append(out[i], uint64(of)+1)
		}
	}
	return out
}

// growth is what one scheme does, at index n-1 for n nodes.
type growth struct {
	moved     []int     // replicas copied when the node joined
	led       []int     // leaders changed then
	deviation []float64 // largest distance of a node from its fair share, in replicas
}

func grow(s scheme) growth {
	var g growth
	var last Placement
	for n := 1; n <= pictureNodes; n++ {
		next := s(n, last)
		changed, held := 0, make([]int, n)
		for i, list := range next {
			if last != nil && last[i][0] != list[0] {
				changed++
			}
			for _, id := range list {
				held[id-1]++
			}
		}
		worst, total := 0, picturePartitions*min(pictureReplicas, n)
		for _, h := range held {
			worst = max(worst, h*n-total, total-h*n)
		}
		g.moved = append(g.moved, Moves(last, next))
		g.led = append(g.led, changed)
		g.deviation = append(g.deviation, float64(worst)/float64(n))
		last = next
	}
	return g
}

// leastMoves is what the n-th of nodes that are alike must be given at least, by any scheme that
// is fair to within one replica: it has nothing yet.
func leastMoves(n int) int {
	return picturePartitions * min(pictureReplicas, n) / n
}

// pictureTable is the table of the document.
func pictureTable(ours, modulo, ring growth) string {
	var b strings.Builder
	b.WriteString("| Nodes | Least possible | Holdfast | Ring alone | Modulo | Leaders changed | Off fair share: Holdfast | Ring alone |\n")
	b.WriteString("|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := 1; i < pictureNodes; i++ {
		fmt.Fprintf(&b, "| %d → %d | %d | %d | %d | %d | %d | %.2f | %.2f |\n", i, i+1,
			leastMoves(i+1), ours.moved[i], ring.moved[i], modulo.moved[i], ours.led[i], ours.deviation[i], ring.deviation[i])
	}
	return b.String()
}

// Goal: docs/sharding-balance.md shows what the code does today, and what it shows is good: a growing cluster
// moves the least that any fair scheme can, within one replica of fair shares, and the two
// other schemes do worse. Method: compute the table and the chart, and compare; -rewrite
// writes them anew.
func TestPictureOfBalanceAndMovementIsCurrent(t *testing.T) {
	mine, naive, ring := grow(ours), grow(modulo), grow(ringAlone)
	for i := 1; i < pictureNodes; i++ {
		require.GreaterOrEqual(t, mine.moved[i], leastMoves(i+1))
		require.LessOrEqual(t, mine.moved[i], leastMoves(i+1)+1, "a share that is not whole may be rounded up")
		require.Less(t, mine.deviation[i], 1.0)
		require.LessOrEqual(t, mine.led[i], picturePartitions/(i+1)+1)
		require.GreaterOrEqual(t, naive.moved[i], mine.moved[i])
	}
	require.Greater(t, slices.Max(ring.deviation), 10.0)

	requireCurrent(t, "../docs/img/sharding-balance.svg", func(string) string { return drawPicture(mine, naive, ring) })
	requireCurrent(t, "../docs/sharding-balance.md", func(doc string) string {
		const begin, end = "<!-- table: begin -->\n", "<!-- table: end -->"
		before, rest, ok := strings.Cut(doc, begin)
		require.True(t, ok, "no place for the table")
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok, "no end of the table")
		return before + begin + pictureTable(mine, naive, ring) + end + after
	})
}

// requireCurrent compares a file with what it should be, or writes that.
func requireCurrent(t *testing.T, name string, want func(old string) string) {
	t.Helper()
	old, err := os.ReadFile(name)
	if *rewrite && os.IsNotExist(err) {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		err = nil
	}
	require.NoError(t, err)
	content := want(string(old))
	if *rewrite {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
		return
	}
	require.Equal(t, content, string(old), "%s is not current: run go test ./hashing -run Picture -rewrite, and read the difference", name)
}
