// Package style is how the program talks: the streams it talks over, colours, and
// how keys, values, counts, sizes and durations are written for people and for
// programs.
//
// Contract, by number:
//
//	STYLE-1  Data goes to Streams.Out, everything else to Streams.Err.
//	STYLE-2  Colours are used only on a terminal, and never when NO_COLOR is set
//	         (https://no-color.org) or TERM is dumb.
//	STYLE-3  Bytes that a terminal would not show as they are, are quoted as in Go.
//	         Raw output is exact, byte for byte.
package style
