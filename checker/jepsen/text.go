package jepsen

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"olympos.io/encoding/edn"
)

// hexMark is how a string in hexadecimal begins (EDN-4).
const hexMark = "hex:"

// fromBytes returns a key or value as a string for EDN.
func fromBytes(s string) string {
	if utf8.ValidString(s) && !strings.HasPrefix(s, hexMark) {
		return s
	}
	return hexMark + hex.EncodeToString([]byte(s))
}

// asText returns a scalar of EDN as a key or value. What is no string is as EDN writes it.
func asText(x any) (string, error) {
	switch v := x.(type) {
	case string:
		coded, ok := strings.CutPrefix(v, hexMark)
		if !ok {
			return v, nil
		}
		b, err := hex.DecodeString(coded)
		if err != nil {
			return "", fmt.Errorf("%q begins with %q, but is not hexadecimal", v, hexMark)
		}
		return string(b), nil
	case int64, bool, edn.Keyword, edn.Symbol, float64:
		b, err := edn.Marshal(v)
		return string(b), err
	}
	return "", fmt.Errorf("a value of type %T: known are numbers, strings, keywords and symbols", x)
}
