// Package grpcclient tests the gRPC sink of the built program with the client library of Falco's users. It is a module
// of its own: the library registers the same protocol buffers as Saker does, and brings old versions of its own needs.
package grpcclient
