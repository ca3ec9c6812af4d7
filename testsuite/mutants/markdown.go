package mutants

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"
)

// unplanted says which bugs of the catalogue of real bugs have no place here, and why.
//
//go:embed unplanted.md
var unplanted string

// WriteMarkdown writes the scoreboard as docs/mutants.md has it.
func WriteMarkdown(w io.Writer, scores []*Score) error {
	found := 0
	for _, s := range scores {
		if s.Found() {
			found++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Scoreboard of planted bugs\n\n"+
		"Made by `make mutants`; do not edit. Each bug of a real system is planted into the production code, and "+
		"simulation seeds are run until an oracle fires. Seeds, simulated time and CPU time are those needed until then, "+
		"median / worst over independent ranges of seeds, on one core. \"Needs\" are the classes of faults without which the bug was not found, \"from outside\" "+
		"is what found it when the oracles that look into nodes were mute. Bugs marked (sharded) are hunted in clusters with partitions.\n\n"+
		"%d of %d found by an oracle that they name.\n\n", found, len(scores))
	b.WriteString("| mutant | bug | result | oracle that fired | seeds | simulated | CPU | needs | from outside |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range scores {
		sm, sw := s.Seeds()
		vm, vw := s.Virtual()
		cm, cw := s.CPU()
		needs, outside := s.takes()
		fmt.Fprintf(&b, "| %s | %s (%s) | %s | %s | %.0f / %.0f | %s / %s | %s / %s | %s | %s |\n",
			s.Mutant.ID+mark(s.Mutant), s.Mutant.Title, s.Mutant.Source, s.Status(), strings.Join(s.Fired(), ", "),
			sm, sw, short(vm), short(vw), short(cm), short(cw), needs, outside)
	}
	writeAblation(&b, scores)
	b.WriteString(unplanted)
	_, err := io.WriteString(w, b.String())
	return err
}

// takes says which classes of faults a mutant needs, and by what it is found from outside.
func (s *Score) takes() (needs, outside string) {
	a := s.ablation()
	if a == nil {
		return "", ""
	}
	var classes []string
	for _, c := range a.Needs {
		classes = append(classes, string(c))
	}
	if outside = "no"; a.Outside != "" {
		outside = "`" + a.Outside + "`"
	}
	return strings.Join(classes, ", "), outside
}

// mark tells mutants of clusters with partitions from others.
func mark(m *Mutant) string {
	if m.Sharded {
		return " (sharded)"
	}
	return ""
}

// Fired lists the fingerprints that were seen, each once, or the directed test.
func (s *Score) Fired() []string {
	if s.Directed {
		return []string{"`" + s.Mutant.Directed.Run + "` in " + s.Mutant.Directed.Package}
	}
	var list []string
	for _, h := range s.Hunts {
		if h.Found == nil {
			continue
		}
		name := "`" + h.Found.Fingerprint + "`"
		if !strings.Contains(strings.Join(list, " "), name) {
			list = append(list, name)
		}
	}
	return list
}

func short(d time.Duration) string {
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
