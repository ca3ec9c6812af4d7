package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// quote shows arbitrary bytes as printable text in quotation marks, cut to about most bytes (REP-2).
func quote(s string, most int) string {
	if len(s) <= most {
		return strconv.QuoteToGraphic(s)
	}
	cut := most
	for cut > 0 && most-cut < utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", strconv.QuoteToGraphic(s[:cut]), len(s))
}

// plain shows a message of ours: control characters and broken UTF-8 are replaced, lines stay.
func plain(s string, most int) string {
	if len(s) > most {
		s = s[:most] + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' || strconv.IsGraphic(c) {
			return c
		}
		return utf8.RuneError
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// texts is a table of texts, each of them once, so that operations have numbers only.
type texts struct {
	list  []string
	index map[string]int
	// most is how many bytes of keys and values are shown.
	most int
	// size is about how many bytes the table takes in a file.
	size int
}

// leftOut stands for texts that there is no room for.
const leftOut = "(left out)"

func newTexts(most int) *texts {
	return &texts{list: []string{"", leftOut}, index: map[string]int{"": 0, leftOut: 1}, most: most}
}

// quoted is the number of a key's or a value's text.
func (t *texts) quoted(s string) int { return t.add(quote(s, t.most)) }

// said is the number of a message's text.
func (t *texts) said(s string) int { return t.add(plain(s, max(t.most, 40))) }

func (t *texts) add(s string) int {
	n, ok := t.index[s]
	if !ok && t.size > maxTexts+maxTexts/4 {
		return t.add(leftOut) // not even short ones fit
	}
	if !ok {
		n = len(t.list)
		t.index[s] = n
		t.list = append(t.list, s)
		t.size += inScript(s)
	}
	return n
}

// inScript is how many bytes a text takes as JSON in a script.
func inScript(s string) int {
	n := len(s) + 3
	for _, c := range s {
		switch c {
		case '<', '>', '&', '\u2028', '\u2029':
			n += 5
		case '"', '\\', '\n', '\t':
			n++
		}
	}
	return n
}
