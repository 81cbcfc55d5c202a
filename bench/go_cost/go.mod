module libfacematch/bench/go_cost

go 1.24

require libfacematch/facematch v0.0.0

replace libfacematch/facematch => ../../bindings/go
