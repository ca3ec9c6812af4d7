// Package gallery shows the runs that a directory keeps, over HTTP, on this machine only: a list, newest
// first, that leads to their reports and files.
//
// Contract:
//
//	GALLERY-1  Nothing outside the directory is ever read, whatever a request's path is and wherever
//	           symbolic links lead; nothing is written.
//	GALLERY-2  Only requests that name this machine are answered, so that a page of somebody else's, with
//	           a name that resolves to this machine, reads nothing.
//	GALLERY-3  A directory that is not a run is left out; a run that cannot be read is in the list, with why.
package gallery
