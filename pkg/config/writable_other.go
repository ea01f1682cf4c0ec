//go:build !unix

package config

// isWritable tells whether the program may make files in a directory.
func isWritable(string) bool { return false }
