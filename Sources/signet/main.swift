import ArgumentParser
import ServerHTTP
import Yams
import Configuration
print("placeholder")
