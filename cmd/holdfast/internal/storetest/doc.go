// Package storetest is a store in memory for the tests of the commands: one
// linearizable map, whose calls can be made to end as a test wants.
package storetest
