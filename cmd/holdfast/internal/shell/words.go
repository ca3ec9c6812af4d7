package shell

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Words splits a line into words at blanks. Words may be quoted: between single
// quotes everything stands for itself; between double quotes Go's escapes hold (\n,
// \", \\, \xff, \u00fc). Outside of quotes all characters but blanks and
// quotes at the beginning of a word stand for themselves, so that URLs and JSON
// without blanks need no quoting. A word that begins with # begins a comment.
//
// go-shellwords is not used here: it ends silently at ; & | < and >, which would
// cut off values.
func Words(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimLeft(line, " \t\r\n"); rest != "" && rest[0] != '#'; rest = strings.TrimLeft(rest, " \t\r\n") {
		word, after, err := nextWord(rest)
		if err != nil {
			return nil, err
		}
		if after != "" && !strings.ContainsRune(" \t\r\n", rune(after[0])) {
			return nil, fmt.Errorf("there must be a blank after the quoted word %.40s", rest[:len(rest)-len(after)])
		}
		words, rest = append(words, word), after
	}
	return words, nil
}

func nextWord(text string) (word, rest string, err error) {
	switch text[0] {
	case '\'':
		end := strings.IndexByte(text[1:], '\'')
		if end < 0 {
			return "", "", errors.New("the closing ' is missing")
		}
		return text[1 : 1+end], text[2+end:], nil
	case '"':
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", "", fmt.Errorf("the closing \" is missing, or a \\ in %.40s begins nothing known; use \\\\ for \\, or single quotes", text)
		}
		word, err := strconv.Unquote(quoted)
		return word, text[len(quoted):], err
	}
	if end := strings.IndexAny(text, " \t\r\n"); end >= 0 {
		return text[:end], text[end:], nil
	}
	return text, "", nil
}
