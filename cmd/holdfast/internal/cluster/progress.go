package cluster

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/kv/placement"
)

// Progress is how far the placement is from what is wanted, in the form of the output.
type Progress struct {
	// AtRest: all partitions, and the metadata group, are where they are to be.
	AtRest bool `json:"at_rest"`
	// Phases counts the partitions of each phase.
	Phases map[string]int `json:"phases"`
	// Metadata is the phase of the metadata group.
	Metadata string `json:"metadata"`
	// Copies is how many copies are still to be made.
	Copies     int    `json:"copies_left"`
	BytesDone  uint64 `json:"bytes_done"`
	BytesTotal uint64 `json:"bytes_total"`
	// LeftMS is an estimate of the milliseconds that are left, 0 if it is not known.
	LeftMS uint64 `json:"left_ms,omitempty"`
}

var phaseOK = placement.PhaseOK.String()

// phases are all of them, the worst first.
var phases = []string{
	placement.PhaseUnavailable.String(), placement.PhaseUnderReplicated.String(), placement.PhaseUnknown.String(),
	placement.PhaseCreating.String(), placement.PhaseAdding.String(), placement.PhaseCatchingUp.String(),
	placement.PhaseSwapping.String(), placement.PhaseCleaning.String(), placement.PhaseWaiting.String(), phaseOK,
}

// Progress sums up what the driver says.
func (p *Placement) Progress() Progress {
	out := Progress{Phases: map[string]int{}, LeftMS: p.LeftMS}
	created := 0
	for i := range p.Groups {
		g := &p.Groups[i]
		if g.Metadata {
			out.Metadata = g.Phase
		} else {
			out.Phases[g.Phase]++
			created++
		}
		out.Copies += int(g.Copies)
		out.BytesDone += g.BytesDone
		out.BytesTotal += g.BytesTotal
	}
	if missing := int(p.Partitions) - created; missing > 0 {
		out.Phases[placement.PhaseCreating.String()] += missing
	}
	out.AtRest = p.known() && out.Phases[phaseOK] == int(p.Partitions) && out.Metadata == phaseOK
	return out
}

// exhausted tells whether all is where it can be, though there are too few nodes for as many copies as there are to be.
func (p *Placement) exhausted() bool {
	if !p.known() || p.usable() >= int(p.Replicas) {
		return false
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		missing := slices.ContainsFunc(g.Wanted, func(id uint64) bool {
			n := p.node(id)
			return n == nil || !n.usable() || !slices.Contains(g.Holds, id)
		})
		if g.Phase != phaseOK && (g.Phase != placement.PhaseUnderReplicated.String() || missing || len(g.Holds) != len(g.Wanted)) {
			return false
		}
	}
	return true
}

// counts says how many partitions are in which phase.
func (g *Progress) counts() string {
	var parts []string
	for _, phase := range slices.Backward(phases) {
		if n := g.Phases[phase]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, phase))
		}
	}
	return strings.Join(parts, ", ")
}

// String says it for people, in a line.
func (g *Progress) String() string {
	if g.Metadata == "" {
		return "what moves is not known"
	}
	text := "partitions: " + g.counts()
	if g.Metadata != phaseOK && g.Metadata != "" {
		text += "; metadata group: " + g.Metadata
	}
	if g.AtRest {
		return text + "; nothing moves"
	}
	return text + g.rest()
}

// rest says what is left to do.
func (g *Progress) rest() string {
	text := ""
	if g.Copies > 0 {
		text += "; " + plural(g.Copies, "copy", "copies") + " to make"
	}
	if g.BytesTotal > 0 {
		text += fmt.Sprintf("; %s copied", sizes(g.BytesDone, g.BytesTotal))
	}
	if g.LeftMS > 0 {
		text += fmt.Sprintf("; about %s left", roughly(g.LeftMS))
	}
	return text
}

// PrintProgress writes what moves.
func (p *Placement) PrintProgress(w io.Writer) error {
	g := p.Progress()
	_, err := fmt.Fprintln(w, g.String())
	return err
}

// sizes is one size of another one.
func sizes(done, total uint64) string { return fmt.Sprintf("%s of %s", size(done), size(total)) }

// size is a number of bytes for people.
func size(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value /= 1 << 10; value < 1000 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// roughly is a number of milliseconds for people, who do not take it for exact.
func roughly(ms uint64) string {
	d, unit := time.Duration(ms)*time.Millisecond, time.Second
	switch {
	case d >= time.Hour:
		unit = time.Minute
	case d >= time.Minute:
		unit = 10 * time.Second
	}
	text := max(d.Round(unit), time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
