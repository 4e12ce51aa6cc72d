import SoukProcess
print("skeleton")
