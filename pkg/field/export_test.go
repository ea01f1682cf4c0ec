package field

// AllRenamed is the table of names for tests.
var AllRenamed = renamed
