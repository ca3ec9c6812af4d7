package cluster

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

// Ring is how evenly the partitions are spread over the nodes, in the form of the output.
type Ring struct {
	Partitions uint32 `json:"partitions"`
	Replicas   uint32 `json:"replicas"`
	// Copies is how many copies of partitions there are to be in all: on few nodes fewer than partitions × replicas.
	Copies uint32      `json:"copies"`
	Nodes  []RingShare `json:"nodes"`
}

// RingShare is what one node holds of all, and what would be fair. A partition is an equal part of the keyspace.
type RingShare struct {
	Node   uint64 `json:"node"`
	State  string `json:"state"`
	Zone   string `json:"zone,omitempty"`
	Weight uint32 `json:"weight"`
	// Wanted and Held count the copies of partitions on this node, Fair is its share by weight; but no node has two copies of one.
	Wanted uint32  `json:"wanted"`
	Held   *uint32 `json:"held,omitempty"`
	Fair   float64 `json:"fair"`
	// Leads counts the partitions that it leads, FairLeads is its share of those by weight.
	Leads     uint32  `json:"leads"`
	FairLeads float64 `json:"fair_leads"`
	// Keyspace is the share of all keys that it leads.
	Keyspace float64 `json:"keyspace"`
}

func (s *commands) ring() *cobra.Command {
	return &cobra.Command{
		Use:   "ring",
		Short: "Show how evenly the partitions are spread over the nodes",
		Long: "Show what share of the partitions each node holds and leads, against what is fair: a share by weight, but never two\n" +
			"copies of one partition. A partition is an equal part of the keyspace, so a node that leads a quarter of them serves a\n" +
			"quarter of the keys. In the picture # is what the node is to hold, and | what is fair. Where there are zones, spreading\n" +
			"copies over them goes before fairness.",
		Example: "  holdfast cluster ring\n  holdfast cluster ring -o json",
		Args:    exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return s.look(c.Context(), func(p *Placement) any { return p.Ring() }, func(p *Placement, w io.Writer) error { return p.Ring().print(w) })
		},
	}
}

// Ring sums up who holds what.
func (p *Placement) Ring() *Ring {
	r := &Ring{Partitions: p.Partitions, Replicas: p.Replicas, Nodes: []RingShare{}}
	var usable []int
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.State == stateRemoved {
			continue
		}
		if n.usable() {
			usable = append(usable, len(r.Nodes))
		}
		r.Nodes = append(r.Nodes, RingShare{
			Node: n.Node, State: n.shown(), Zone: n.Zone, Weight: n.Weight, Wanted: n.Wanted, Held: n.Held, Leads: n.Leads,
			Keyspace: float64(n.Leads) / float64(max(p.Partitions, 1)),
		})
	}
	r.Copies = p.Partitions * min(p.Replicas, uint32(len(usable)))
	weights := make([]float64, len(usable))
	for i, at := range usable {
		weights[i] = float64(r.Nodes[at].Weight)
	}
	copies, leads := fair(weights, float64(r.Copies), float64(p.Partitions)), fair(weights, float64(p.Partitions), float64(p.Partitions))
	for i, at := range usable {
		r.Nodes[at].Fair, r.Nodes[at].FairLeads = copies[i], leads[i]
	}
	return r
}

// fair divides total by weight, where nobody gets more than most: what that cuts off goes to the others.
func fair(weights []float64, total, most float64) []float64 {
	shares := make([]float64, len(weights))
	full := make([]bool, len(weights))
	for again := true; again; {
		again = false
		rest, sum := total, 0.0
		for i, w := range weights {
			if full[i] {
				rest -= most
			} else {
				sum += w
			}
		}
		for i, w := range weights {
			if full[i] {
				continue
			}
			if shares[i] = rest * w / sum; shares[i] > most {
				shares[i], full[i], again = most, true, true
			}
		}
	}
	return shares
}

// ringWidth is how long the longest bar is.
const ringWidth = 32

func (r *Ring) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s each; a partition is %s %% of the keyspace\n\n", plural(int(r.Partitions), "partition", "partitions"),
		plural(int(r.Replicas), "copy", "copies"), percent(1/float64(max(r.Partitions, 1))))
	most, worst := 0.0, 0.0
	for i := range r.Nodes {
		n := &r.Nodes[i]
		most = max(most, float64(n.Wanted), n.Fair)
		if n.Fair > 0 {
			worst = max(worst, float64(n.Wanted)/n.Fair-1)
		}
	}
	err := printTable(w, "NODE\tZONE\tWEIGHT\tSTATE\tWANTED\tHELD\tFAIR\tLEADS\tFAIR\tKEYSPACE\tCOPIES (| is fair)", func(row func(cells ...any)) {
		for i := range r.Nodes {
			n := &r.Nodes[i]
			held := "?"
			if n.Held != nil {
				held = fmt.Sprint(*n.Held)
			}
			row(n.Node, orDash(n.Zone), n.Weight, n.State, n.Wanted, held, fmt.Sprintf("%.1f", n.Fair), n.Leads, fmt.Sprintf("%.1f", n.FairLeads),
				percent(n.Keyspace)+" %", bar(float64(n.Wanted), n.Fair, most))
		}
	})
	if err == nil {
		zones := ""
		if slices.ContainsFunc(r.Nodes, func(n RingShare) bool { return n.Zone != "" }) {
			zones = " Spreading over zones goes before fairness."
		}
		_, err = fmt.Fprintf(w, "\nThe fullest node is to hold %s %% more than its fair share.%s\n", percent(worst), zones)
	}
	return err
}

func percent(share float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") }

// bar draws a number and a mark where it would be fair.
func bar(n, fair, most float64) string {
	if most == 0 {
		return ""
	}
	cells := func(x float64) int { return int(math.Round(x * ringWidth / most)) }
	filled, mark := cells(n), cells(fair)
	text := strings.Repeat("#", filled) + strings.Repeat(" ", max(mark-filled, 0))
	return text[:mark] + "|" + text[mark:]
}
