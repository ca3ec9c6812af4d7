package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/kv/placement"
)

// problems says what an operator should look into, the worst first.
func (p *Placement) problems() []string {
	if !p.known() {
		return []string{driverless}
	}
	var out []string
	add := func(phase placement.Phase, format string) {
		if groups := p.in(phase); groups != "" {
			out = append(out, fmt.Sprintf(format, groups))
		}
	}
	add(placement.PhaseUnavailable, "nobody leads %s: bring back nodes that hold it")
	for i := range p.Nodes {
		n := &p.Nodes[i]
		switch {
		case n.dead():
			what := "what it held is made anew elsewhere, if there are nodes for it"
			if left := p.leftOn(n.Node); left.nothing() {
				what = fmt.Sprintf("it holds nothing any more: bring it back, or `holdfast cluster remove %d --force`", n.Node)
			}
			out = append(out, fmt.Sprintf("node %d is dead: not heard of for %s; %s", n.Node, roughly(*n.SilentMS), what))
		case n.silent():
			out = append(out, fmt.Sprintf("node %d is silent: not heard of for %s", n.Node, roughly(*n.SilentMS)))
		}
	}
	if n := p.usable(); n < int(p.Replicas) {
		out = append(out, fmt.Sprintf("there %s for %d copies: have another one join (`holdfast server --join`)", are(n, "node", "nodes"), p.Replicas))
	}
	add(placement.PhaseUnderReplicated, "%s: fewer live copies than there should be")
	add(placement.PhaseUnknown, "%s: who leads is not known yet")
	return out
}

func are(n int, one, many string) string {
	if n == 1 {
		return "is 1 " + one
	}
	return fmt.Sprintf("are %d %s", n, many)
}

// in names the groups of a phase, "" if there are none.
func (p *Placement) in(phase placement.Phase) string {
	const most = 8
	var ids []uint64
	metadata := false
	for i := range p.Groups {
		if g := &p.Groups[i]; g.Phase == phase.String() {
			if g.Metadata {
				metadata = true
			} else {
				ids = append(ids, g.Group)
			}
		}
	}
	var parts []string
	if metadata {
		parts = append(parts, "the metadata group")
	}
	if len(ids) > 0 {
		text := "partitions "
		if len(ids) == 1 {
			text = "partition "
		}
		shown := make([]string, 0, most)
		for id := range slices.Values(ids[:min(len(ids), most)]) {
			shown = append(shown, strconv.FormatUint(id, 10))
		}
		text += strings.Join(shown, ", ")
		if len(ids) > most {
			text += fmt.Sprintf(" and %d more", len(ids)-most)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}
