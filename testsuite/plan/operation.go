package plan

import (
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Keys are all keys of the operations, in the order of their first use.
func (p *Plan) Keys() []string {
	var keys []string
	know := func(key string) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for i := range p.Operations {
		know(p.Operations[i].Key)
		for _, item := range p.Operations[i].Also {
			know(item.Key)
		}
	}
	return keys
}

// Input is what a client asks for with the operation. Conditions expect what it last saw of the key, so that they hold and fail
// in good proportion.
func (op *Operation) Input(seen history.Result) history.Input {
	in := history.Input{Kind: op.Kind, Key: op.Key, Value: op.Value, Stale: op.Stale}
	switch op.Kind {
	case history.CASVersion:
		in.ExpectVersion = max(seen.Version, 1)
	case history.CASValue:
		if in.ExpectValue = seen.Value; in.ExpectValue == "" {
			in.ExpectValue = "never written"
		}
	}
	return in
}
