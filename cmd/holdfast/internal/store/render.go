package store

import (
	"bytes"
	"fmt"
	"strconv"

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

// PairJSON is a pair that a scan found in the output.
type PairJSON struct {
	Key     style.Blob `json:"key"`
	Value   style.Blob `json:"value"`
	Version uint64     `json:"version"`
}

// JSON is the pair in the form of the output.
func (p Pair) JSON() PairJSON {
	return PairJSON{Key: p.Key, Value: p.Value, Version: p.Version}
}

// Line is the pair for people: key and value with a tab between them. Those that would break the line are
// quoted. On a terminal long values are cut.
func (p Pair) Line(terminal bool) string {
	const most = 200
	if terminal && len(p.Value) > most {
		return fmt.Sprintf("%s\t%s... (%s bytes)", OneLine(p.Key), OneLine(p.Value[:most]), style.Count(int64(len(p.Value))))
	}
	return OneLine(p.Key) + "\t" + OneLine(p.Value)
}

// OneLine shows a key or a value to a person within a line.
func OneLine(b []byte) string {
	if bytes.ContainsAny(b, "\n\t") {
		return strconv.QuoteToASCII(string(b))
	}
	return style.Bytes(b)
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
