// Package canon takes encodings apart that have exactly one form: bytes, texts after their length, and unsigned varints
// in their shortest form. It is PURE.
//
// Invariants:
//
//	CANON-1  The first error sticks, and nothing is read after it. No input makes a Reader panic or read
//	         beyond its end.
//	CANON-2  A number that could be written shorter, or is above its bound, is an error.
package canon
