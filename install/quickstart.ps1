<#
.SYNOPSIS
From nothing to a picture: install\quickstart.ps1 [CONTENT STYLE]

Installs the engine, puts the filter into every GIMP 3 of this user, and paints the two pictures, or the
samples. Running it again is quick and changes nothing. If Windows refuses to run scripts:
    powershell -ExecutionPolicy Bypass -File install\quickstart.ps1

This script itself only finds a Python 3.9 or newer, or downloads one with uv, whose SHA-256 is in
requirements\tools.json.
#>
$ErrorActionPreference = 'Stop'
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$installer = Join-Path $here 'install.py'

function Test-Python([string] $path) {
    # The Store's Python writes to folders that GIMP cannot see, or it only opens the Store.
    if ($path -like '*\WindowsApps\*') { return $false }
    try {
        # No double quotes in the code: Windows PowerShell 5.1 drops them when it starts a program.
        & $path -c "import sys; sys.exit(sys.version_info < (3, 9) or 'mingw' in sys.version.lower())" 2>$null
        return $LASTEXITCODE -eq 0
    } catch { return $false }
}

$candidates = @()
if (Get-Command py -ErrorAction SilentlyContinue) {
    $env:PYTHON_MANAGER_AUTOMATIC_INSTALL = 'false'  # py might download a missing Python otherwise
    foreach ($version in '3.13', '3.12', '3.11', '3.10') {
        try { $candidates += & py "-$version" -c 'import sys; print(sys.executable)' 2>$null } catch { }
    }
}
foreach ($name in 'python', 'python3') {
    $candidates += Get-Command $name -All -ErrorAction SilentlyContinue | ForEach-Object { $_.Source }
}
# install.py keeps its own Python in the same folder; an earlier run may have downloaded one.
$own = Join-Path $env:LOCALAPPDATA 'nst\python'
$candidates += Get-ChildItem (Join-Path $own 'cpython-3.*\python.exe') -ErrorAction SilentlyContinue |
    ForEach-Object { $_.FullName }
foreach ($path in $candidates) {
    if ($path -and (Test-Python $path)) {
        & $path $installer quickstart @args
        exit $LASTEXITCODE
    }
}

function Stop-WithMessage([string] $message) {
    Write-Host $message
    Write-Host 'Install Python 3.12 from python.org, then run this again.'
    exit 2
}

Write-Host 'No Python 3.9 or newer was found; downloading one'
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
    } catch { Stop-WithMessage 'uv, which installs Python, could not be downloaded.' }
    if ((Get-FileHash $archive -Algorithm SHA256).Hash -ne $wheel.sha256) {
        Stop-WithMessage 'The download of uv is not the expected file: its SHA-256 does not match the pinned one.'
    }
    Expand-Archive $archive (Join-Path $work 'uv')
    $uv = (Get-ChildItem (Join-Path $work 'uv') -Recurse -Filter uv.exe | Select-Object -First 1).FullName
    $env:UV_PYTHON_INSTALL_DIR = $own
    $env:UV_CACHE_DIR = Join-Path $work 'cache'
    $env:UV_NO_CONFIG = '1'
    $env:UV_PYTHON_INSTALL_BIN = '0'
    & $uv python install --managed-python 3.12
    if ($LASTEXITCODE -ne 0) { Stop-WithMessage 'Python 3.12 could not be downloaded.' }
    $python = & $uv python find --managed-python 3.12
    if (-not $python) { Stop-WithMessage 'Python 3.12 was downloaded but cannot be found.' }
} finally { Remove-Item -Recurse -Force $work -ErrorAction SilentlyContinue }
& $python $installer quickstart @args
exit $LASTEXITCODE
