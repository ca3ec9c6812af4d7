package store

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// PutJSON is a Put in the output.
type PutJSON struct {
	Key     style.Blob `json:"key"`
	Version uint64     `json:"version"`
}

// GetJSON is a Get in the output.
type GetJSON struct {
	Key     style.Blob  `json:"key"`
	Found   bool        `json:"found"`
	Value   *style.Blob `json:"value,omitempty"`
	Version uint64      `json:"version,omitempty"`
	LagMS   uint64      `json:"lag_ms,omitempty"`
}

// EraseJSON is an Erase in the output.
type EraseJSON struct {
	Key   style.Blob `json:"key"`
	Found bool       `json:"found"`
}

// SwapJSON is a CompareAndSet in the output.
type SwapJSON struct {
	Key     style.Blob  `json:"key"`
	Swapped bool        `json:"swapped"`
	Version uint64      `json:"version,omitempty"`
	Found   bool        `json:"found,omitempty"`
	Value   *style.Blob `json:"actual_value,omitempty"`
}

// JSON is the answer in the form of the output.
func (r Read) JSON(key string) GetJSON {
	j := GetJSON{Key: style.Blob(key), Found: r.Found, LagMS: r.LagMS}
	if r.Found {
		value := style.Blob(r.Value)
		j.Value, j.Version = &value, r.Version
	}
	return j
}

// JSON is the answer in the form of the output.
func (s Swap) JSON(key string) SwapJSON {
	j := SwapJSON{Key: style.Blob(key), Swapped: s.Swapped, Version: s.Version}
	if !s.Swapped && s.Found {
		value := style.Blob(s.Value)
		j.Found, j.Value = true, &value
	}
	return j
}

// Actual says what the key holds where the condition failed.
func (s Swap) Actual() string {
	if !s.Found {
		return "the key has no value"
	}
	return fmt.Sprintf("the key has version %d, value %s", s.Version, style.Bytes(s.Value))
}

// PrintStatus writes the nodes as a table.
func PrintStatus(w io.Writer, reports []NodeReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tENDPOINT\tSTATE\tROLE\tTERM\tLEADER\tCOMMIT\tAPPLIED\tUPTIME")
	for _, r := range reports {
		n := r.Summary()
		if !n.Alive {
			fmt.Fprintf(t, "-\t%s\tno answer\t-\t-\t-\t-\t-\t-%s\n", n.Endpoint, remark(n.Error))
			continue
		}
		state, why := "up", n.Failure
		switch {
		case n.Failure != "":
			state = "failed"
		case n.Health != "":
			state, why = n.Health, n.HealthReason
		}
		head := fmt.Sprintf("%d\t%s\t%s", n.Node, n.Endpoint, state)
		for _, g := range n.Groups {
			leader := "none"
			if g.Leader != 0 {
				leader = fmt.Sprint(g.Leader)
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\t%s%s\n", head, g.Role, g.Term, leader, g.Commit, g.Applied, n.Uptime().Truncate(time.Second), remark(why))
		}
		if len(n.Groups) == 0 {
			fmt.Fprintf(t, "%s\t-\t-\t-\t-\t-\t%s%s\n", head, n.Uptime().Truncate(time.Second), remark(why))
		}
	}
	return t.Flush()
}

func remark(text string) string {
	if text == "" {
		return ""
	}
	return "\t" + text
}
