//go:build race

package queue

// raced: the long tests take a part of their cases, for each takes ten times as long.
const raced = true
