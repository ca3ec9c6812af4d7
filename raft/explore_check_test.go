package raft

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// open makes a private field settable.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

// fill gives every field a value of its own that is not zero, and slices two elements.
func fill(v reflect.Value, next *uint64) {
	v = open(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), next)
		fill(v.Index(1), next)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("text")
	default:
		*next++
		if v.CanInt() {
			v.SetInt(int64(*next % 100))
		} else {
			v.SetUint(*next % 100)
		}
	}
}

// visit calls f with each value that can be changed by itself, and where it is; kept: it is no part of
// a forgotten field.
func visit(v reflect.Value, path string, kept bool, f func(path string, kept bool, change func())) {
	v = open(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			visit(v.Field(i), path+"."+field.Name, kept && !forgets(v.Type(), field), f)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			visit(v.Index(i), fmt.Sprintf("%s[%d]", path, i), kept, f)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), path, kept, f)
		}
	case reflect.String:
		f(path, kept, func() { v.SetString(v.String() + "s") })
	case reflect.Bool:
		f(path, kept, func() { v.SetBool(!v.Bool()) })
	default:
		if v.CanInt() {
			f(path, kept, func() { v.SetInt(v.Int() + 1) })
		} else {
			f(path, kept, func() { v.SetUint(v.Uint() + 1) })
		}
	}
}

// filledNode is a replica's state in which every field has a value.
func filledNode() *simNode {
	n, next := &simNode{}, uint64(0)
	fill(reflect.ValueOf(n).Elem(), &next)
	for i := range n.Core.peers {
		flight := open(reflect.ValueOf(&n.Core.peers[i].progress).Elem().FieldByName("flight"))
		open(flight.FieldByName("start")).SetInt(1)
		open(flight.FieldByName("count")).SetInt(2)
	}
	return n
}

// Goal: no field of the core can be left out of a state unnoticed, also none that is yet to come: states that differ
// in it are different, and copies share no memory. Method: give every field a value, change one after the other
// in a copy, and look at the copy, then at the original.
func TestExploreStateHasEveryField(t *testing.T) {
	original := filledNode()
	form := encode(original, nil)
	places := map[string]bool{}
	visit(reflect.ValueOf(original).Elem(), "", true, func(path string, kept bool, _ func()) { places[path] = kept })
	require.Greater(t, len(places), 150)
	for path, kept := range places {
		changed := copyOf(original)
		visit(reflect.ValueOf(changed).Elem(), "", true, func(p string, _ bool, change func()) {
			if p == path {
				change()
			}
		})
		if kept {
			require.NotEqual(t, form, encode(changed, nil), "%s is no part of the state", path)
			require.Equal(t, form, encode(original, nil), "copies share %s", path)
		} else {
			require.Equal(t, form, encode(changed, nil), "%s is forgotten, but part of the state", path)
		}
	}
}

// Goal: what is forgotten is zero in each state, and nothing is listed that is not there. Method: forget in a core
// full of values, and find each entry of the list among its types.
func TestExploreForgetsWhatIsListed(t *testing.T) {
	n := filledNode()
	forget(n)
	found := map[string]bool{}
	var walk func(reflect.Type, unsafe.Pointer)
	walk = func(typ reflect.Type, p unsafe.Pointer) {
		v := reflect.NewAt(typ, p).Elem()
		switch typ.Kind() {
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if forgets(typ, f) {
					found[typ.Name()+"."+f.Name] = true
					require.True(t, v.Field(i).IsZero(), "%v.%s", typ, f.Name)
				}
				walk(f.Type, unsafe.Add(p, f.Offset))
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(typ.Elem(), v.Index(i).Addr().UnsafePointer())
			}
		case reflect.Pointer:
			if !v.IsNil() {
				walk(typ.Elem(), v.UnsafePointer())
			}
		}
	}
	walk(reflect.TypeFor[simNode](), unsafe.Pointer(n))
	for name, why := range forgotten {
		require.True(t, found[name], "%s is listed, but not there", name)
		require.NotEmpty(t, why)
	}
}

// localForms returns what replicas' states occurred, up to renaming.
func localForms(s *search) []hash128 {
	forms := map[hash128]bool{}
	for _, l := range s.locals {
		forms[slices.MinFunc(l.hash[:len(s.renamings)], func(a, b hash128) int {
			if a.less(b) {
				return -1
			}
			return 1
		})] = true
	}
	return slices.SortedFunc(maps.Keys(forms), func(a, b hash128) int { return slices.Compare(a[:], b[:]) })
}

// Goal: leaving out dead letters leaves out nothing else. Method: search with and without them; the replicas
// must get into the very same states.
func TestExploreDeadLettersAreDead(t *testing.T) {
	for _, b := range []Bounds{
		{Timeouts: 2},
		{Timeouts: 1, Proposals: 1, Crashes: 1, AsyncDisks: true},
		{Timeouts: 1, Crashes: 1, PreVote: true},
		{Timeouts: 1, Changes: 1, Removals: true},
		{Timeouts: 1, Proposals: 1, Crashes: 1, Compactions: 1},
	} {
		b.Nodes, b.MaxTerm, b.Workers = 3, 2, 2
		few := explore(b)
		b.NoDead = true
		all := explore(b)
		require.NoError(t, few.result.Err)
		require.NoError(t, all.result.Err)
		require.Less(t, few.result.States, all.result.States)
		require.Equal(t, localForms(all), localForms(few))
	}
}

// Goal: the core treats all replicas alike, so that states that differ in names only may count as one. Method:
// search without this; there must be as many states as renaming makes of the few.
func TestExploreRenamingLosesNothing(t *testing.T) {
	for _, b := range []Bounds{
		{Timeouts: 1, Proposals: 1, Crashes: 1, AsyncDisks: true},
		{Timeouts: 2, Crashes: 1},
		{Timeouts: 1, PreVote: true, Heartbeats: 1},
		{Timeouts: 1, Proposals: 1, Crashes: 1, Compactions: 1},
	} {
		b.Nodes, b.MaxTerm, b.Workers = 3, 2, 2
		few := Explore(b)
		b.NoSymmetry = true
		all := Explore(b)
		require.NoError(t, all.Err)
		require.Equal(t, all.States, few.Named)
		require.Equal(t, all.Depth, few.Depth)
		require.Greater(t, all.States, 5*few.States)
	}
	// With one member to be added there are two to rename.
	b := Bounds{Nodes: 3, MaxTerm: 2, Timeouts: 1, Changes: 2, Added: 1, Workers: 2}
	few := Explore(b)
	b.NoSymmetry = true
	all := Explore(b)
	require.NoError(t, all.Err)
	require.Equal(t, all.States, few.Named)
	require.Less(t, few.States, all.States)
}

// Goal: a search gives the same result with any number of workers. Method: one that is complete and one that
// finds something, with 1, 2 and 5.
func TestExploreIsDeterministic(t *testing.T) {
	for _, never := range []func(*View) bool{nil, func(v *View) bool { return v.Leads(2, 1) }} {
		var first Result
		for i, workers := range []int{1, 2, 5} {
			r := Explore(Bounds{Nodes: 3, MaxTerm: 2, Timeouts: 2, Crashes: 1, Workers: workers, Never: never})
			r.Bounds = Bounds{}
			// Each has letters and replica states numbered in another order, and a few that only expansion saw.
			r.Trace, r.Locals, r.Letters, r.Seen = nil, 0, 0, Seen{}
			if i == 0 {
				first = r
			}
			require.Equal(t, first, r)
			require.Equal(t, never == nil, r.Complete)
		}
	}
}

// Goal: the checks see what a broken replica does to the group. Method: disks that lose something in a crash.
func TestExploreFindsWhatBadDisksLead(t *testing.T) {
	for want, bad := range map[string]func(*HardState, *[]Entry){
		"Election Safety": func(hs *HardState, _ *[]Entry) { hs.Vote = 0 },
		"Durability": func(_ *HardState, entries *[]Entry) {
			*entries = (*entries)[:max(0, len(*entries)-1)]
		},
	} {
		r := Explore(Bounds{Nodes: 3, MaxTerm: 2, Timeouts: 2, Proposals: 1, Crashes: 1, Workers: 2, BadDisk: bad})
		require.ErrorContains(t, r.Err, want)
		require.False(t, r.Complete)
		require.NotEmpty(t, r.Script)
		t.Log(r, len(r.Trace), r.Err)
	}
}
