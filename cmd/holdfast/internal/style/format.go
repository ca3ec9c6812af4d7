package style

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Format is the form of the output.
type Format string

// The forms of the output.
const (
	// Text is for people.
	Text Format = "text"
	// JSON is one object for a command.
	JSON Format = "json"
	// Raw is the value alone, byte for byte, without a newline.
	Raw Format = "raw"
)

// Set implements pflag.Value.
func (f *Format) Set(text string) error {
	switch Format(text) {
	case Text, JSON, Raw:
		*f = Format(text)
		return nil
	}
	return fmt.Errorf("%q is not one of text, json, raw", text)
}

// String implements pflag.Value.
func (f *Format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *Format) Type() string { return "text|json|raw" }

// Bytes shows a key or a value to a person (STYLE-3).
func Bytes(b []byte) string {
	if printable(b) {
		return string(b)
	}
	return strconv.QuoteToASCII(string(b))
}

func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return !strings.ContainsFunc(string(b), func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\t'
	})
}

// Blob is a key or a value in JSON: a string if it is valid UTF-8, else an object
// with the bytes in base64, {"base64":"..."}.
type Blob []byte

// MarshalJSON implements json.Marshaler.
func (b Blob) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(struct {
		Base64 []byte `json:"base64"`
	}{b})
}

// PrintJSON writes one value as indented JSON.
func PrintJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Duration writes a duration with three significant digits: 147µs, 1.62ms, 2.03s.
func Duration(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}} {
		if d >= unit.size {
			v := float64(d) / float64(unit.size)
			return significant(v) + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

func significant(v float64) string {
	digits := 2
	switch {
	case v >= 99.95:
		digits = 0
	case v >= 9.995:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// Count writes a number with thousands separated: 45,210.
func Count(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
