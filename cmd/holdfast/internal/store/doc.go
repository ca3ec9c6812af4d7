// Package store is what the commands see of a cluster: a few calls, their
// results, and errors that say how the call ended. It stands on kv/client
// (Dial); tests put a fake in its place.
//
// Contract, by number:
//
//	STORE-1  A call that returns an error is an *Error, and its Ending is true: NotApplied
//	         and Denied changed nothing and never will, Unknown may have or may yet.
//	         Of calls with many keys each key has its own, and that of the call is NotApplied
//	         or Denied only if no key was changed.
//	STORE-2  A condition that does not hold, and a key without a value, are results,
//	         not errors.
package store
