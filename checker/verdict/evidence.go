package verdict

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Counter is one named count of something that happened in a run.
type Counter struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Evidence counts what really happened in a run: operations acknowledged,
// messages dropped, leaders deposed. The zero value is empty and ready to use.
// It is kept sorted by name.
type Evidence struct {
	counters []Counter
}

// Add adds n to a counter. A counter that was added to with 0 is shown in the
// table as 0, which tells a reader that it was looked for.
func (e *Evidence) Add(name string, n int64) {
	i, found := e.find(name)
	if found {
		e.counters[i].Count += n
		return
	}
	e.counters = slices.Insert(e.counters, i, Counter{Name: name, Count: n})
}

// Count returns a counter's value, 0 if it was never added to.
func (e *Evidence) Count(name string) int64 {
	if i, found := e.find(name); found {
		return e.counters[i].Count
	}
	return 0
}

// Counters returns a copy of the table, sorted by name.
func (e *Evidence) Counters() []Counter { return slices.Clone(e.counters) }

// Merge adds all counters of another table.
func (e *Evidence) Merge(other *Evidence) {
	for _, c := range other.counters {
		e.Add(c.Name, c.Count)
	}
}

func (e *Evidence) find(name string) (int, bool) {
	return slices.BinarySearchFunc(e.counters, name, func(c Counter, n string) int {
		return strings.Compare(c.Name, n)
	})
}

// MarshalJSON writes the table as a list in the order of names (VER-3).
func (e Evidence) MarshalJSON() ([]byte, error) {
	if e.counters == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(e.counters)
}

// UnmarshalJSON reads a table. A name that occurs twice is an error.
func (e *Evidence) UnmarshalJSON(data []byte) error {
	var list []Counter
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	var fresh Evidence
	for _, c := range list {
		if _, found := fresh.find(c.Name); found {
			return fmt.Errorf("verdict: counter %q occurs twice in the evidence", c.Name)
		}
		fresh.Add(c.Name, c.Count)
	}
	*e = fresh
	return nil
}
