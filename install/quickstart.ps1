<#
.SYNOPSIS
From nothing to a picture: install\quickstart.ps1 [CONTENT STYLE]

Sets up the engine, puts the filter into every GIMP 3 of this user, and paints the two pictures, or the
samples. Running it again is quick and changes nothing. Where Windows refuses scripts:
    powershell -ExecutionPolicy Bypass -File install\quickstart.ps1

All this script does itself is to find a Python from 3.9 on, or to bring one with uv, whose SHA-256 is in
requirements\tools.json.
#>
$ErrorActionPreference = 'Stop'
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$installer = Join-Path $here 'install.py'

function Test-Python([string] $path) {
    # The Store's Python writes to folders that GIMP cannot see, or only opens the Store.
    if ($path -like '*\WindowsApps\*') { return $false }
    try {
        # No double quotes inside: Windows PowerShell 5.1 drops them on the way to a program.
        & $path -c "import sys; sys.exit(sys.version_info < (3, 9) or 'mingw' in sys.version.lower())" 2>$null
        return $LASTEXITCODE -eq 0
    } catch { return $false }
}

$candidates = @()
if (Get-Command py -ErrorAction SilentlyContinue) {
    $env:PYTHON_MANAGER_AUTOMATIC_INSTALL = 'false'  # asked for a Python that is not there, py may fetch it
    foreach ($version in '3.13', '3.12', '3.11', '3.10') {
        try { $candidates += & py "-$version" -c 'import sys; print(sys.executable)' 2>$null } catch { }
    }
}
foreach ($name in 'python', 'python3') {
    $candidates += Get-Command $name -All -ErrorAction SilentlyContinue | ForEach-Object { $_.Source }
}
# The same folder in which install.py looks for a Python of its own; an earlier run may have brought one.
$own = Join-Path $env:LOCALAPPDATA 'nst\python'
$candidates += Get-ChildItem (Join-Path $own 'cpython-3.*\python.exe') -ErrorAction SilentlyContinue |
    ForEach-Object { $_.FullName }
foreach ($path in $candidates) {
    if ($path -and (Test-Python $path)) {
        & $path $installer quickstart @args
        exit $LASTEXITCODE
    }
}

function Stop-WithWords([string] $message) {
    Write-Host $message
    Write-Host 'Install Python 3.12 from python.org, then run this again.'
    exit 2
}

Write-Host 'No Python from 3.9 on was found; fetching one'
$machine = if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64') { 'win32-arm64' } else { 'win32-amd64' }
$wheel = (Get-Content (Join-Path $here 'requirements\tools.json') -Raw | ConvertFrom-Json).uv.$machine
$work = Join-Path ([IO.Path]::GetTempPath()) ('nst-' + [Guid]::NewGuid().ToString('N').Substring(0, 8))
New-Item -ItemType Directory $work | Out-Null
try {
    $archive = Join-Path $work 'uv.zip'
    try {
        [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
        $ProgressPreference = 'SilentlyContinue'
        Invoke-WebRequest -UseBasicParsing -Uri $wheel.url -OutFile $archive
    } catch { Stop-WithWords 'uv, which brings a Python, could not be downloaded.' }
    if ((Get-FileHash $archive -Algorithm SHA256).Hash -ne $wheel.sha256) {
        Stop-WithWords 'What came as uv is something else: its SHA-256 is not the pinned one.'
    }
    Expand-Archive $archive (Join-Path $work 'uv')
    $uv = (Get-ChildItem (Join-Path $work 'uv') -Recurse -Filter uv.exe | Select-Object -First 1).FullName
    $env:UV_PYTHON_INSTALL_DIR = $own
    $env:UV_CACHE_DIR = Join-Path $work 'cache'
    $env:UV_NO_CONFIG = '1'
    $env:UV_PYTHON_INSTALL_BIN = '0'
    & $uv python install --managed-python 3.12
    if ($LASTEXITCODE -ne 0) { Stop-WithWords 'Python 3.12 could not be downloaded.' }
    $python = & $uv python find --managed-python 3.12
    if (-not $python) { Stop-WithWords 'Python 3.12 was downloaded but is not there.' }
} finally { Remove-Item -Recurse -Force $work -ErrorAction SilentlyContinue }
& $python $installer quickstart @args
exit $LASTEXITCODE
