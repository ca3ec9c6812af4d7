package verdict

import (
	"encoding/json"
	"fmt"
	"io"
)

// file is the layout of verdict.json.
type file struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Verdict
}

const (
	fileFormat  = "holdfast-verdict"
	fileVersion = 1
)

// Encode writes the verdict as JSON, the same bytes for the same verdict.
func (v Verdict) Encode(w io.Writer) error {
	if !v.Outcome.valid() {
		return fmt.Errorf("verdict: cannot write a verdict with outcome %q", string(v.Outcome))
	}
	if v.Reasons == nil {
		v.Reasons = []string{}
	}
	if v.Violations == nil {
		v.Violations = []Violation{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(file{Format: fileFormat, Version: fileVersion, Verdict: v})
}

// Decode reads what Encode wrote.
func Decode(r io.Reader) (Verdict, error) {
	var f file
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Verdict{}, fmt.Errorf("verdict: not a verdict file: %w", err)
	}
	if f.Format != fileFormat {
		return Verdict{}, fmt.Errorf("verdict: not a verdict file: format is %q, not %q", f.Format, fileFormat)
	}
	if f.Version != fileVersion {
		return Verdict{}, fmt.Errorf("verdict: format version %d is not supported, only %d", f.Version, fileVersion)
	}
	if !f.Outcome.valid() {
		return Verdict{}, fmt.Errorf("verdict: %q is not an outcome", string(f.Outcome))
	}
	return f.Verdict, nil
}
