package history

import (
	"fmt"
	"slices"
	"strings"
)

// Identity of the file format.
const (
	Format  = "holdfast-history"
	Version = 1
)

// Header is the first line of a history file.
type Header struct {
	// Source says what was recorded, such as "simulation" or "live".
	Source string
	// Clock says what the times are: "virtual" (since the start of the run) or
	// "wall" (since the Unix epoch).
	Clock string
	// Seed is the seed of the run, 0 if it had none.
	Seed uint64
	// Labels are further facts about the run for people to read, sorted by name.
	Labels []Label
}

// Label is a named fact about a run.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// headerLine is the header in the file.
type headerLine struct {
	Format  string  `json:"format"`
	Version int     `json:"version"`
	Source  string  `json:"source,omitempty"`
	Clock   string  `json:"clock,omitempty"`
	Seed    uint64  `json:"seed,omitempty"`
	Labels  []Label `json:"labels,omitempty"`
}

func (h Header) line() headerLine {
	labels := slices.Clone(h.Labels)
	slices.SortStableFunc(labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	return headerLine{
		Format: Format, Version: Version,
		Source: h.Source, Clock: h.Clock, Seed: h.Seed, Labels: labels,
	}
}

func (l headerLine) header() (Header, error) {
	if l.Format != Format {
		return Header{}, fmt.Errorf("not a history: the first line must be a header with \"format\":%q", Format)
	}
	if l.Version != Version {
		return Header{}, fmt.Errorf("format version %d is not supported, only %d", l.Version, Version)
	}
	return Header{Source: l.Source, Clock: l.Clock, Seed: l.Seed, Labels: l.Labels}, nil
}
