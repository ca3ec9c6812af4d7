package linear

import "github.com/holdfastdb/holdfast/checker/history"

// Witnessed gives the tests of this directory the witness path alone, without the search
// that Check falls back on.
func Witnessed(ops []history.Operation) bool {
	list := make([]*history.Operation, len(ops))
	for i := range ops {
		list[i] = &ops[i]
	}
	return witnessed(list)
}
