module libfacematch/facematch

go 1.24
